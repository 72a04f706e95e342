"""Behind a proxy: links lead back to us, and what a request says of where it came from is believed of few."""

import ssl
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme
import uvicorn

from server.cli import draining
from server.cli.draining import listen
from server.settings import Settings
from tests.server.serving import KEY, Serve, application
from tests.server.worker import StepWorker

STAR = {"prompt": "a red star"}
FORWARDED = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.7", "Host": "img.example.org"}
PAGE = "https://page.example.org"


def link(served: Any, path: str = "/v1/images/generations", **headers: str) -> str:
    answer = served.client.post(path, json=STAR, headers=headers).raise_for_status()
    return str(answer.json()["data"][0]["url"])


@pytest.mark.parametrize(
    ("settings", "begin"),
    [
        pytest.param({}, "http://img.example.org/files/", id="nobody is believed"),
        pytest.param({"trusted_proxies": "127.0.0.0/8"}, "https://img.example.org/files/", id="the proxy is believed"),
        pytest.param({"trusted_proxies": "10.0.0.0/8"}, "http://img.example.org/files/", id="another one is not"),
        pytest.param({"root_path": "/ai"}, "http://img.example.org/ai/files/", id="under a path"),
        pytest.param(
            {"public_url": "https://ours.example.org/ai/"}, "https://ours.example.org/ai/files/", id="by name"
        ),
    ],
)
def test_links_begin_as_the_client_sees_us(serve: Serve, settings: dict[str, Any], begin: str) -> None:
    assert link(serve(**settings), **FORWARDED).startswith(begin)


@pytest.mark.parametrize("path", ["", "/ai"], ids=["the proxy strips the path", "the proxy leaves the path"])
def test_under_a_path_of_a_proxy_everything_is_found(serve: Serve, path: str) -> None:
    served = serve(root_path="/ai")
    found = httpx.URL(link(served, f"{path}/v1/images/generations")).path
    assert served.client.get(found).headers["content-type"] == "image/png"
    assert served.client.get(path + found.removeprefix("/ai")).headers["content-type"] == "image/png"
    job = served.client.post(f"{path}/darkroom/v1/jobs", json=STAR | {"task": "text_to_image"})
    assert job.headers["location"].startswith("/ai/darkroom/v1/jobs/")
    assert served.client.get(f"{path}/").headers["location"] == "/ai/docs"
    assert served.client.get(f"{path}/openapi.json").json()["servers"] == [{"url": "/ai"}]
    assert "type" in served.client.get(f"{path}/v1/nothing").json()["error"], "the dialect's own words"


def preflight(served: Any) -> httpx.Response:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    answer: httpx.Response = served.client.options("/v1/images/generations", headers={"Origin": PAGE} | asked)
    return answer


@pytest.mark.parametrize("origins", ["", "https://other.example.org"], ids=["unless said", "others"])
def test_no_page_reads_our_answers_unless_it_was_named(serve: Serve, origins: str) -> None:
    served = serve(cors_origins=origins)
    answer = served.client.get("/v1/models", headers={"Origin": PAGE})
    assert "access-control-allow-origin" not in answer.headers
    assert "access-control-allow-origin" not in preflight(served).headers


@pytest.mark.parametrize("origins", [PAGE, "*"])
def test_a_page_that_was_named_reads_them_but_never_with_credentials(serve: Serve, origins: str) -> None:
    served = serve(cors_origins=origins)
    for answer in (served.client.get("/v1/models", headers={"Origin": PAGE}), preflight(served)):
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == origins
        assert "access-control-allow-credentials" not in answer.headers
        assert answer.headers["x-request-id"]


def test_with_a_certificate_it_speaks_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost")
    files = {"tls_certificate": tmp_path / "certificate.pem", "tls_key": tmp_path / "key.pem"}
    certificate.cert_chain_pems[0].write_to_path(files["tls_certificate"])
    certificate.private_key_pem.write_to_path(files["tls_key"])
    seen: list[int] = []

    async def look_and_leave(server: uvicorn.Server) -> None:
        trusting = ssl.create_default_context()
        authority.configure_trust(trusting)
        port = server.servers[0].sockets[0].getsockname()[1]
        async with httpx.AsyncClient(verify=trusting, trust_env=False) as client:
            seen.append((await client.get(f"https://localhost:{port}/livez")).status_code)

    monkeypatch.setattr(draining.DrainingServer, "main_loop", look_and_leave)
    given: dict[str, Any] = {"data": tmp_path, "admin_key": KEY} | files
    app = application(tmp_path, StepWorker())
    listen(app, Settings(**given).model_copy(update={"port": 0}))
    assert seen == [200]
