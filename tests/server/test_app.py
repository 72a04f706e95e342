"""The whole application: no torch, no open door, no unanswered error, and health that does not lie."""

import re
import socket
import subprocess
import sys

import httpx
import pytest
import structlog
from fastapi.routing import APIRoute
from openapi_spec_validator import validate

from server.errors import ANSWERS
from tests.server.serving import KEY, Serve, Served, until
from tests.server.worker import StepWorker

LINKS = {"/files/{link}", "/files/{link}/thumbnail", "/files/signed/{image_id}"}
OPEN = {"/livez", "/readyz", "/docs", "/"} | LINKS
OPEN_GALLERY = "/public"  # closed by a setting, and tested in test_public.py


def test_importing_the_application_loads_no_torch() -> None:
    code = "import server.app, sys; assert 'torch' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_address_but_the_open_ones_asks_for_a_key(shared: Served) -> None:
    described = shared.client.get("/openapi.json").json()["paths"]
    closed = {path: methods for path, methods in described.items() if not path.startswith(OPEN_GALLERY)}
    asked = {(method, path) for path, methods in closed.items() for method in methods if path not in OPEN}
    assert asked, "there are addresses to ask"
    for method, path in asked:
        address = shared.url + re.sub(r"{\w+}", "x", path)
        assert httpx.request(method, address).status_code == 401, (method, path)


def test_every_answer_has_an_id_of_its_own_and_is_not_sniffed(shared: Served) -> None:
    answers = [shared.client.get(path) for path in ("/livez", "/livez", "/v1/models", "/nothing", "/v1/nothing")]
    assert len({answer.headers["x-request-id"] for answer in answers}) == len(answers)
    assert {answer.headers["x-content-type-options"] for answer in answers} == {"nosniff"}


def test_what_nobody_foresaw_is_an_opaque_500_with_a_request_id(serve: Serve) -> None:
    served = serve()

    async def broken() -> None:
        raise RuntimeError("a secret of the inside")

    served.app.router.routes.insert(0, APIRoute("/v1/broken", broken))
    answer = served.client.get("/v1/broken")
    assert answer.status_code == 500
    assert answer.json()["error"]["type"] == "server_error"
    assert "secret" not in answer.text
    assert answer.headers["x-request-id"].startswith("req_")


def test_the_log_tells_of_a_job_but_not_its_prompt(shared: Served) -> None:
    with structlog.testing.capture_logs() as lines:
        shared.client.post("/v1/images/generations", json={"prompt": "my secret wish"}).raise_for_status()
        until(lambda: any(line["event"] == "request_answered" for line in lines))  # after the answer has gone out
    assert {"job_accepted", "job_ended"} <= {line["event"] for line in lines}
    assert "secret wish" not in str(lines)


def test_a_request_s_line_says_what_was_asked_and_by_whom_but_nothing_that_the_caller_made_up(shared: Served) -> None:
    with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
        answer = shared.client.request("MADEUP", "/darkroom/v1/jobs/secret-in-the-address?key=secret")
        drawn = shared.client.post("/v1/images/generations", json={"prompt": "my secret wish"})
        until(lambda: [line["event"] for line in lines].count("request_answered") == 2)
    first, second = (line for line in lines if line["event"] == "request_answered")
    assert (first["method"], first["status"]) == ("other", answer.status_code)
    assert (second["method"], second["route"], second["status"]) == ("POST", "/v1/images/generations", 200)
    assert second["account"] == "admin"
    assert second["milliseconds"] > 0
    accepted = next(line for line in lines if line["event"] == "job_accepted")
    assert accepted["request"] == second["request"] == drawn.headers["x-request-id"]
    assert "secret" not in str(lines)


def test_both_headers_carry_a_key(shared: Served) -> None:
    key = shared.client.headers["authorization"].removeprefix("Bearer ")
    assert httpx.get(f"{shared.url}/v1/models", headers={"X-API-Key": key}).status_code == 200


def test_the_description_is_valid_openapi_with_an_example_for_every_body(shared: Served) -> None:
    described = httpx.get(f"{shared.url}/openapi.json").json()
    validate(described)
    bodies = [
        body
        for methods in described["paths"].values()
        for operation in methods.values()
        for body in operation.get("requestBody", {"content": {}})["content"].values()
    ]
    assert bodies
    assert all(body["example"] for body in bodies)


def test_the_page_that_explains_it_needs_no_other_host(shared: Served) -> None:
    page = httpx.get(f"{shared.url}/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert "//" not in re.sub(r"^\s*//.*$", "", page.text, flags=re.MULTILINE).replace("</", "")
    assert "default-src 'none'" in page.headers["content-security-policy"]


def test_readiness_follows_the_worker(serve: Serve) -> None:
    worker = StepWorker(state="starting")
    served = serve(worker)
    assert httpx.get(f"{served.url}/livez").status_code == 200
    assert httpx.get(f"{served.url}/readyz").status_code == 503
    worker.state = "ready"
    assert httpx.get(f"{served.url}/readyz").status_code == 200
    worker.silent_seconds = 61.0
    silent = httpx.get(f"{served.url}/readyz")
    assert silent.status_code == 503
    assert "no life" in silent.json()["problems"]["worker"]


def test_a_busy_server_is_ready(serve: Serve) -> None:
    served = serve(max_queue=1)
    served.worker.hold()
    for state in ("running", "queued"):
        job = served.client.post("/darkroom/v1/jobs", json={"task": "text_to_image", "prompt": "a red star"}).json()
        until(lambda job=job, state=state: served.client.get(f"/darkroom/v1/jobs/{job['id']}").json()["state"] == state)
    until(lambda: httpx.get(f"{served.url}/readyz").json()["waiting"] == 1)
    health = httpx.get(f"{served.url}/readyz")
    assert (health.status_code, health.json()["waiting"], health.json()["problems"]) == (200, 1, {})


def test_a_disk_without_its_reserve_is_told_in_words_and_not_by_its_place(serve: Serve) -> None:
    served = serve(disk_reserve=2**60)
    full = httpx.get(f"{served.url}/readyz")
    assert full.status_code == 503
    assert list(full.json()["problems"]) == ["disk"]
    assert str(served.data) not in full.text
    assert httpx.get(f"{served.url}/livez").status_code == 200


def test_figures_name_the_whole_route_of_every_api(serve: Serve) -> None:
    """The framework knows a router's own part of an address alone where one router lies in another."""
    served = serve()
    paths = [path for path, methods in served.client.get("/openapi.json").json()["paths"].items() if "get" in methods]
    plain = [path for path in paths if "{" not in path and not path.endswith("/events")]
    for path in plain:
        served.client.get(path)
    figures = served.client.get("/metrics").text
    assert [path for path in plain if f'route="{path}"' not in figures] == []


def test_the_figures_count_what_happened(serve: Serve) -> None:
    served = serve()
    star = {"prompt": "a red star"}
    for _ in range(2):
        served.client.post("/v1/images/generations", json=star).raise_for_status()
    served.client.get("/v1/models/nobody-put-this-here")
    figures = served.client.get("/metrics").text
    assert 'darkroom_ended_jobs_total{code="",state="succeeded"} 2.0' in figures
    assert "darkroom_draw_seconds_count 2.0" in figures
    assert 'method="POST",route="/v1/images/generations",status="200"} 2.0' in figures
    assert 'route="/v1/models/{model_id}",status="404"} 1.0' in figures
    assert "nobody-put-this-here" not in figures


def test_whoever_leaves_amid_a_body_is_nobody_s_fault(serve: Serve) -> None:
    served = serve()
    address = httpx.URL(served.url)
    head = f"POST /v1/images/generations HTTP/1.1\r\nHost: here\r\nX-API-Key: {KEY}\r\nContent-Length: 99\r\n\r\n{{"
    with socket.create_connection((address.host, address.port or 80)) as connection:
        connection.sendall(head.encode())
    until(lambda: 'route="/v1/images/generations"' in served.client.get("/metrics").text)
    assert 'status="500"' not in served.client.get("/metrics").text


def test_the_figures_tell_who_waits_for_which_model_and_why_jobs_failed(serve: Serve) -> None:
    served = serve()
    served.worker.hold()
    job = {"task": "text_to_image", "prompt": "a red star"}
    for _ in range(3):
        served.client.post("/darkroom/v1/jobs", json=job).raise_for_status()
    served.worker.await_running()
    until(lambda: 'darkroom_open_jobs{model="flat",state="running"} 1.0' in served.client.get("/metrics").text)
    assert 'darkroom_open_jobs{model="flat",state="queued"} 2.0' in served.client.get("/metrics").text
    served.worker.failing = "out_of_memory", "Ask for less."
    served.worker.let_go()
    failed = 'darkroom_ended_jobs_total{code="out_of_memory",state="failed"} 3.0'
    until(lambda: failed in served.client.get("/metrics").text)
    assert "darkroom_open_jobs{" not in served.client.get("/metrics").text


def test_our_own_list_of_models_tells_what_is_installed(shared: Served) -> None:
    models = {model["id"]: model for model in shared.client.get("/darkroom/v1/models").json()["models"]}
    assert {name: model["installed"] for name, model in models.items()} == {
        "flat": True,
        "absent": False,
        "enlarger": False,
        "ink": True,
        "lines": True,
        "looks": True,
    }
    assert models["flat"]["defaults"]["steps"] == 8


def test_without_keys_only_this_machine_s_own_pages_and_programs_are_answered(serve: Serve) -> None:
    served = serve(auth=False)
    address = f"{served.url}/v1/models"
    assert httpx.get(address).status_code == 200
    assert httpx.get(address, headers={"Host": "rebound.example.org"}).status_code == 403
    assert httpx.get(address, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403


@pytest.mark.parametrize("host", ["[", "a b", "x" * 300, '"><script>', ""])
def test_a_host_header_that_is_no_host_is_not_believed(shared: Served, host: str) -> None:
    headers = {"Host": host} if host else {}
    answer = shared.client.post("/v1/images/generations", json={"prompt": "a red star"}, headers=headers)
    assert answer.status_code in (200, 400)
    if answer.status_code == 200:
        assert answer.json()["data"][0]["url"].startswith(f"{shared.url}/files/")


def test_every_error_has_a_status_of_its_own_kind() -> None:
    assert all(400 <= answer.status < 600 for answer in ANSWERS.values())
