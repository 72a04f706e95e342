"""What a case cannot bring about in the endpoints of /api/v2 that draw and process: failures, limits, what is held."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.dialects.imagegen import FILTERS, IMAGE, LEAST, RED, STAR, TEXT, Worker, client_at, error_of
from tests.server.serving import Serve, Served, key_for, newcomer, until

LATER = {"Prefer": "respond-async"}
TIERS = """
default: free
tiers:
  free: {minute: 10, hour: 100, day: 1000}
  basic: {minute: 60, hour: 1000, day: 10000}
  pro: {minute: 300, hour: 5000, day: 50000}
  enterprise: {}
"""


def test_what_takes_too_long_is_a_timeout_with_the_id_and_goes_on(serve: Serve) -> None:
    served = serve(request_seconds=0.2)
    served.worker.hold()
    answer = served.client.post(TEXT, json=STAR)
    assert (answer.status_code, error_of(answer)["code"]) == (504, "TIMEOUT")
    generation = error_of(answer)["details"]["generation_id"]
    assert shown(served, generation)["status"] == "processing"
    served.worker.let_go()
    until(lambda: shown(served, generation)["status"] == "completed")
    assert len(shown(served, generation)["images"]) == 1


def shown(served: Served, generation: str) -> dict[str, Any]:
    told: dict[str, Any] = served.client.get(f"/api/v2/generations/{generation}").raise_for_status().json()
    return told


def later(served: Served) -> str:
    answer = served.client.post(TEXT, json=STAR, headers=LATER)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def test_a_generation_waits_is_drawn_and_may_be_cancelled(serve: Serve) -> None:
    served = serve()
    served.worker.hold()
    first, second = later(served), later(served)
    until(lambda: shown(served, first)["status"] == "processing")
    assert shown(served, second)["status"] == "pending"
    served.client.delete(f"/darkroom/v1/jobs/{second.replace('gen_', 'job_')}").raise_for_status()
    served.worker.let_go()
    until(lambda: shown(served, first)["status"] == "completed")
    assert shown(served, second)["status"] == "cancelled"
    assert shown(served, second)["error"]["code"] == "GENERATION_FAILED"


def test_what_went_wrong_is_said_now_and_later(serve: Serve) -> None:
    served = serve()
    served.worker.failing = ("drawing_failed", "The drawing failed.")
    answer = served.client.post(TEXT, json=STAR)
    assert (answer.status_code, error_of(answer)["code"]) == (500, "GENERATION_FAILED")
    generation = later(served)
    until(lambda: shown(served, generation)["status"] == "failed")
    assert shown(served, generation)["error"] == {"code": "GENERATION_FAILED", "message": "The drawing failed."}


def test_a_server_at_its_end_is_under_maintenance(serve: Serve) -> None:
    served = serve()
    served.app.state.parts.jobs.close()
    answer = served.client.post(TEXT, json=STAR)
    assert (answer.status_code, error_of(answer)["code"]) == (503, "MAINTENANCE")
    assert answer.headers["retry-after"]


def test_words_that_the_operator_does_not_allow_are_an_invalid_prompt(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "blocked.txt").write_text("grue\n")
    answer = serve(blocklist=tmp_path / "blocked.txt").client.post(TEXT, json={"prompt": "a red grue"})
    assert (answer.status_code, error_of(answer)["code"]) == (400, "INVALID_PROMPT")
    assert error_of(answer)["details"]["field"] == "prompt"


def test_who_has_no_credits_left_has_exceeded_a_quota(serve: Serve) -> None:
    served = serve()
    served.client.put("/darkroom/v1/accounts/admin/quota", json={"credits": 0}).raise_for_status()
    answer = served.client.post(TEXT, json=STAR)
    assert (answer.status_code, error_of(answer)["code"]) == (402, "QUOTA_EXCEEDED")


@pytest.mark.parametrize(
    ("plan", "minute", "day"),
    [("free", 10, 1000), ("basic", 60, 10_000), ("pro", 300, 50_000), ("enterprise", 1_000_000, 1_000_000)],
)
def test_every_answer_tells_how_much_is_left_of_the_tier(
    serve: Serve, tmp_path: Path, plan: str, minute: int, day: int
) -> None:
    (tmp_path / "limits.yaml").write_text(TIERS)
    served = serve(limits_file=tmp_path / "limits.yaml")
    account = served.client.post("/darkroom/v1/accounts", json={"name": "x", "plan": plan}).raise_for_status().json()
    with client_at(served.url, key_for(served, account["id"])) as client:
        headers = client.post(TEXT, json=STAR).raise_for_status().headers
    counted = 0 if plan == "enterprise" else 1
    assert (int(headers["x-ratelimit-limit"]), int(headers["x-ratelimit-remaining"])) == (minute, minute - counted)
    assert (int(headers["x-quota-limit"]), int(headers["x-quota-remaining"])) == (day, day - counted)
    assert 0 < int(headers["x-ratelimit-reset-after"]) <= 3600
    assert int(headers["x-ratelimit-reset"]) % 60 == int(headers["x-quota-reset"]) % 86_400 == 0


def test_who_asks_too_often_is_limited(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "limits.yaml").write_text("default: few\ntiers: {few: {hour: 2}}\n")
    client = serve(limits_file=tmp_path / "limits.yaml").client
    answers = [client.post(TEXT, json=STAR) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert error_of(answers[2])["code"] == "RATE_LIMITED"
    assert answers[2].headers["x-ratelimit-remaining"] == "0"
    assert int(answers[2].headers["retry-after"]) > 0


def test_dollars_are_credits_times_the_price_that_is_set(serve: Serve) -> None:
    client = serve(credit_usd=0.02).client
    told = client.post(TEXT, json=STAR | {"parameters": {"num_outputs": 3}}).raise_for_status().json()
    assert told["cost"] == {"credits": 3, "usd": 0.06}


def test_jobs_of_other_apis_and_parts_of_others_are_no_generations(serve: Serve) -> None:
    served = serve(Worker())
    served.client.post("/v1/images/generations", json={"prompt": "a star"}).raise_for_status()
    served.client.post(IMAGE, json=LEAST[IMAGE]).raise_for_status()
    jobs = served.client.get("/darkroom/v1/jobs").json()["jobs"][:3]
    ids = [job["id"].replace("job_", "gen_") for job in jobs]
    found = [served.client.get(f"/api/v2/generations/{each}").status_code for each in ids]
    assert [job["task"] for job in jobs] == ["image_to_image", "describe", "text_to_image"]
    assert found == [200, 404, 404]


def test_a_picture_of_our_own_is_read_by_each_of_its_addresses(serve: Serve) -> None:
    served = serve(Worker())
    image = served.client.post("/darkroom/v1/images", json={"image": RED}).raise_for_status().json()
    signed = served.client.post(f"/darkroom/v1/images/{image['id']}/links", json={"seconds": 60}).json()["url"]
    file = f"{served.url}/darkroom/v1/images/{image['id']}/file"
    for address in (signed, file):
        served.client.post(FILTERS, json=LEAST[FILTERS] | {"image_url": address}).raise_for_status()
        assert served.worker.tasks[-1].image.pixels[:3] == b"\xff\0\0"  # type: ignore[union-attr]
    for address in (signed[:-1], f"{served.url}/files/none", f"{served.url}/elsewhere", f"{signed}&expires=x"):
        answer = served.client.post(FILTERS, json=LEAST[FILTERS] | {"image_url": address})
        assert answer.status_code in (200, 400), answer.text
    theirs = httpx.post(
        served.url + FILTERS, headers=newcomer(served), json=LEAST[FILTERS] | {"image_url": file}, trust_env=False
    )
    assert (theirs.status_code, error_of(theirs)["code"]) == (400, "INVALID_IMAGE")
