"""What a case cannot bring about in the dialect of /api/v1/generations: failures, limits, jobs that are held."""

from pathlib import Path

import httpx

from tests.server.serving import KEY, Serve, Served, until

GENERATIONS = "/api/v1/generations"
STAR = {"prompt": "a red star", "autoEnhance": False}
LIMITS = "default: free\ntiers: {free: {}, generations: {hour: 2, per: key}}\ndialects: {generations_v1: generations}\n"


def made(served: Served, **more: object) -> str:
    answer = served.client.post(GENERATIONS, json=STAR | more)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["data"]["id"])


def shown(served: Served, generation: str) -> dict[str, object]:
    data: dict[str, object] = served.client.get(f"{GENERATIONS}/{generation}").raise_for_status().json()["data"]
    return data


def listed(served: Served, status: str) -> list[str]:
    return [item["id"] for item in served.client.get(GENERATIONS, params={"status": status}).json()["data"]]


def test_a_generation_is_pending_then_processing_then_there(serve: Serve) -> None:
    served = serve()
    served.worker.hold()
    first, second = made(served), made(served)
    until(lambda: shown(served, first)["status"] == "processing")
    assert (listed(served, "processing"), listed(served, "pending")) == ([first], [second])
    served.worker.let_go()
    until(lambda: shown(served, second)["status"] == "success")
    assert listed(served, "success") == [second, first]


def test_what_went_wrong_is_said(serve: Serve) -> None:
    served = serve()
    served.worker.failing = ("drawing_failed", "The drawing failed.")
    failed = made(served)
    until(lambda: shown(served, failed)["status"] == "failed")
    assert shown(served, failed)["errorMessage"] == "The drawing failed."
    assert shown(served, failed)["outputImage"] is None


def test_a_cancelled_job_reads_failed_and_says_so(serve: Serve) -> None:
    served = serve()
    served.worker.hold()
    generation = made(served)
    job = served.client.get("/darkroom/v1/jobs").json()["jobs"][0]["id"]
    served.client.delete(f"/darkroom/v1/jobs/{job}")
    served.worker.let_go()
    until(lambda: shown(served, generation)["status"] == "failed")
    assert shown(served, generation)["errorMessage"] == "The generation was cancelled."
    assert listed(served, "failed") == [generation]


def test_what_is_being_drawn_is_stopped_and_deleted(serve: Serve) -> None:
    served = serve()
    served.worker.hold()
    generation = made(served)
    served.worker.await_running()
    with httpx.Client(base_url=served.url, headers={"X-API-Key": KEY}, timeout=30, trust_env=False) as other:
        served.worker.let_go()
        assert other.delete(f"{GENERATIONS}/{generation}").json() == {"success": True, "message": "Generation deleted"}
    assert served.client.get(f"{GENERATIONS}/{generation}").status_code == 404
    assert served.client.get("/darkroom/v1/jobs", params={"include_deleted": True}).json()["jobs"] == []


def test_a_picture_with_an_alias_outlives_its_generation(serve: Serve) -> None:
    served = serve()
    generation = made(served)
    until(lambda: shown(served, generation)["status"] == "success")
    image = served.client.get("/darkroom/v1/jobs").json()["jobs"][0]["images"][0]["id"]
    named = served.client.patch(f"/darkroom/v1/images/{image}", json={"alias": "logo"})
    assert named.status_code == 200, named.text
    served.client.delete(f"{GENERATIONS}/{generation}").raise_for_status()
    assert served.client.get("/darkroom/v1/images/@logo/file").status_code == 200


def test_a_hundred_an_hour_or_as_many_as_the_operator_says(serve: Serve, tmp_path: Path) -> None:
    tiers = tmp_path / "limits.yaml"
    tiers.write_text(LIMITS)
    served = serve(limits_file=tiers)
    answers = [served.client.post(GENERATIONS, json=STAR) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [201, 201, 429]
    assert [answer.headers["x-ratelimit-remaining"] for answer in answers] == ["1", "0", "0"]
    assert answers[2].json()["error"]["code"] == "RATE_LIMIT_EXCEEDED"
    assert 0 < int(answers[2].headers["x-ratelimit-reset"]) <= 3600
    assert int(answers[2].headers["retry-after"]) > 0
    assert (
        served.client.post("/darkroom/v1/jobs", json={"task": "text_to_image", "prompt": "a star"}).status_code == 202
    )


def test_a_server_at_its_end_is_a_failed_generation(serve: Serve) -> None:
    served = serve()
    served.app.state.parts.jobs.close()
    answer = served.client.post(GENERATIONS, json=STAR)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "GENERATION_FAILED")


def test_jobs_of_other_apis_are_no_generations(serve: Serve) -> None:
    served = serve()
    served.client.post("/v1/images/generations", json={"prompt": "a star"}).raise_for_status()
    assert served.client.get(GENERATIONS).json()["pagination"]["total"] == 0


def test_fields_that_it_does_not_know_are_named(serve: Serve) -> None:
    answer = serve().client.post(GENERATIONS, json=STAR | {"referenceImages": ["@logo"]})
    assert answer.headers["x-darkroom-ignored-fields"] == "referenceImages"
