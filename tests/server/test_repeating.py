"""A request that is sent again is answered from the job that it has, at every door, and after a restart too."""

import io
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from PIL import Image

from server.http.calls import Fingerprint
from tests.over_http import at_once
from tests.server.serving import KEY, Serve, Served, application, leaving, running, until
from tests.server.worker import StepWorker

JOBS, OPENAI = "/darkroom/v1/jobs", "/v1/images/generations"
STAR = {"task": "text_to_image", "prompt": "a red star"}  # its seed is anyone's guess
ASKED = {"prompt": "a red star"}


def jobs_of(served: Served, **filters: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = served.client.get(JOBS, params={"limit": 100} | filters).json()["jobs"]
    return found


def keyed(key: str, **more: str) -> dict[str, str]:
    return {"Idempotency-Key": key} | more


def tried(times: int) -> dict[str, str]:
    return {"x-stainless-retry-count": str(times)}


def test_the_same_key_and_body_get_the_same_job(serve: Serve) -> None:
    served = serve()
    first, second = (served.client.post(JOBS, json=STAR, headers=keyed("k", Prefer="wait=30")) for _ in range(2))
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json() == second.json()
    assert first.headers["location"] == second.headers["location"]
    assert len(jobs_of(served)) == 1


def test_the_same_key_gets_the_same_picture_and_link_from_a_dialect(serve: Serve) -> None:
    served = serve()
    first, second = (served.client.post(OPENAI, json=ASKED, headers=keyed("k")).json() for _ in range(2))
    assert first == second
    assert served.client.get(first["data"][0]["url"]).status_code == 200
    assert len(jobs_of(served)) == 1


def test_whoever_asks_again_meanwhile_waits_for_the_same_job(serve: Serve) -> None:
    served = serve()
    served.worker.hold()
    headers = keyed("k", Accept="image/png")
    with httpx.Client(base_url=served.url, headers=served.client.headers, trust_env=False, timeout=60) as other:

        def let_go() -> None:
            until(lambda: len(jobs_of(served)) == 1)
            served.worker.let_go()

        def ask(client: httpx.Client) -> bytes:
            return client.post(JOBS, json=STAR, headers=headers).content

        first, second, _ = at_once([partial(ask, served.client), partial(ask, other), let_go])
    assert first == second
    assert len(jobs_of(served)) == 1


def test_another_body_under_the_same_key_is_refused_at_every_door(serve: Serve) -> None:
    served = serve()
    served.client.post(JOBS, json=STAR, headers=keyed("k"))
    ours = served.client.post(JOBS, json=STAR | {"seed": 1}, headers=keyed("k"))
    theirs = served.client.post(OPENAI, json=ASKED, headers=keyed("k"))
    assert (ours.status_code, ours.json()["error"]["code"]) == (422, "idempotency_key_reused")
    assert (theirs.status_code, theirs.json()["error"]["code"]) == (422, "idempotency_key_reused")
    assert len(jobs_of(served)) == 1


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param("k" * 255, "k" * 255, id="as long as can be"),
        pytest.param('"a b"', '"a b"', id="a structured string"),
        pytest.param('"k"', "k", id="quoted and bare"),
        pytest.param(r'"a\"b\\"', r'"a\"b\\"', id="with escapes"),
    ],
)
def test_a_key_in_any_form_that_clients_send_is_known_again(shared: Served, first: str, second: str) -> None:
    ids = {shared.client.post(JOBS, json=STAR, headers=keyed(key)).json()["id"] for key in (first, second)}
    assert len(ids) == 1


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param([("Idempotency-Key", "")], id="empty"),
        pytest.param([("Idempotency-Key", '""')], id="an empty string"),
        pytest.param([("Idempotency-Key", "k" * 256)], id="too long"),
        pytest.param([("Idempotency-Key", "a b")], id="a space"),
        pytest.param([("Idempotency-Key", b"\xc3\xa9")], id="not ASCII"),
        pytest.param([("Idempotency-Key", '"k')], id="half a string"),
        pytest.param([("Idempotency-Key", r'"\k"')], id="an escape that is none"),
        pytest.param([("Idempotency-Key", "a"), ("Idempotency-Key", "b")], id="two"),
    ],
)
def test_a_key_that_is_none_is_refused(shared: Served, headers: list[tuple[str, Any]]) -> None:
    before = len(jobs_of(shared))
    answer = shared.client.post(JOBS, json=STAR, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "idempotency_key_invalid")
    assert len(jobs_of(shared)) == before


def test_a_key_outlives_the_server(tmp_path: Path) -> None:
    headers = {"X-API-Key": KEY} | keyed("k", Prefer="wait=30")
    with running(application(tmp_path, StepWorker())) as url:
        first = httpx.post(f"{url}{JOBS}", json=STAR, headers=headers).json()
    with running(application(tmp_path, StepWorker())) as url:
        assert httpx.post(f"{url}{JOBS}", json=STAR, headers=headers).json() == first


def test_a_key_whose_pictures_are_gone_says_so_and_draws_nothing(serve: Serve) -> None:
    served = serve()
    job = served.client.post(JOBS, json=STAR, headers=keyed("k", Prefer="wait=30")).json()
    assert served.client.delete(f"/darkroom/v1/images/{job['images'][0]['id']}").status_code == 204
    without_image = served.client.post(JOBS, json=STAR, headers=keyed("k", Accept="image/png"))
    assert served.client.delete(f"{JOBS}/{job['id']}", params={"for_good": True}).status_code == 200
    without_job = served.client.post(JOBS, json=STAR, headers=keyed("k"))
    for answer in (without_image, without_job):
        assert (answer.status_code, answer.json()["error"]["code"]) == (410, "answer_gone")
    assert len(served.worker.tasks) == 1


def test_a_job_with_a_key_is_drawn_although_its_client_has_gone(serve: Serve) -> None:
    served = serve()
    served.worker.hold()
    headers = keyed("k", Accept="image/png")
    with leaving(served, JOBS, STAR, **headers):
        served.worker.await_running()
    served.worker.let_go()
    answer = served.client.post(JOBS, json=STAR, headers=headers)
    assert Image.open(io.BytesIO(answer.content)).size == (128, 128)
    assert len(jobs_of(served)) == 1


def test_the_openai_client_that_loses_patience_gets_the_job_that_it_began(serve: Serve) -> None:
    served = serve()
    served.worker.hold()
    tries: list[str] = []

    def count(request: httpx.Request) -> None:
        tries.append(request.headers["x-stainless-retry-count"])
        if len(tries) == 2:
            served.worker.let_go()

    with openai.OpenAI(
        base_url=f"{served.url}/v1",
        api_key=KEY,
        max_retries=2,
        http_client=openai.DefaultHttpxClient(trust_env=False, event_hooks={"request": [count]}),
    ) as client:
        answer = client.with_options(timeout=5).images.generate(prompt="a red star", response_format="b64_json")
    assert answer.data
    assert tries[:2] == ["0", "1"]
    assert [job["state"] for job in jobs_of(served)] == ["succeeded"]


def test_two_equal_requests_that_are_no_retries_are_drawn_twice(serve: Serve) -> None:
    served = serve()
    for _ in range(2):
        served.client.post(OPENAI, json=ASKED, headers=tried(0)).raise_for_status()
    assert len(jobs_of(served)) == 2


def test_a_retry_of_what_was_cancelled_on_purpose_is_not_drawn(serve: Serve) -> None:
    served = serve()
    served.worker.hold()
    job = served.client.post(JOBS, json=STAR, headers=tried(0)).json()
    assert served.client.post(f"{JOBS}/{job['id']}/cancel").status_code == 200
    until(lambda: jobs_of(served)[0]["state"] == "cancelled")
    again = served.client.post(JOBS, json=STAR, headers=tried(1) | {"Accept": "image/png"})
    assert (again.status_code, again.json()["error"]["code"]) == (409, "job_cancelled")


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_a_fingerprint_does_not_know_how_the_body_came_in_pieces_nor_the_boundary(size: int) -> None:
    def taken(boundary: bytes, size: int) -> str:
        fingerprint = Fingerprint("POST", b"/v1/images/edits", boundary)
        body = b"--%s\r\nname=a\r\n\r\nwith -- and \0\r\n--%s\r\nname=b\r\n\r\n2\r\n--%s--\r\n" % ((boundary,) * 3)
        for start in range(0, len(body), size):
            fingerprint.add(body[start : start + size])
        return fingerprint.hexdigest()

    assert taken(b"xxyxxyz", size) == taken(b"another", 1000)


def test_another_address_method_or_body_has_another_fingerprint() -> None:
    def taken(method: str, address: bytes, body: bytes) -> str:
        fingerprint = Fingerprint(method, address, b"")
        fingerprint.add(body)
        return fingerprint.hexdigest()

    same = ("POST", b"/v1/a?", b"{}")
    others = [("PUT", *same[1:]), ("POST", b"/v1/b?", b"{}"), ("POST", b"/v1/a?x", b"{}"), (*same[:2], b"[]")]
    assert len({taken(*each) for each in [same, *others]}) == 5
