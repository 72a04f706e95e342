"""Pictures are copied to the places that their account connected: whole, under safe names, and again until they are."""

import base64
import hashlib
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from PIL import Image

from server.connectors.dropbox import DropboxApp
from server.connectors.naming import file_name
from server.connectors.places import Places
from tests.server.receiver import Receiver
from tests.server.serving import Serve, Served, until
from tests.server.sftp_server import PASSWORD, USER, ssh_host
from tests.server.worker import flat_colour

JOBS, CONNECTORS = "/darkroom/v1/jobs", "/darkroom/v1/connectors"
STAR = {"task": "text_to_image", "prompt": "a red star", "seed": 3}
KNOWN = {"date": "2026-11-21", "prompt_snippet": "a red star", "id": "image_7", "model": "flat"}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Takes everything."""
    with Receiver().listening() as receiver:
        yield receiver


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    return folder


def serve_near(serve: Serve, pictures: Path, **settings: Any) -> Served:
    given = {
        "webhook_allow": ["127.0.0.1/32"],
        "webhook_retry_seconds": [0.01] * 5,
        "connector_folders": [str(pictures)],
    }
    return serve(**(given | settings))


def made(served: Served, service: str, **fields: Any) -> dict[str, Any]:
    answer = served.client.post(CONNECTORS, json={"service": service} | fields)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def draw(served: Served, **fields: Any) -> dict[str, Any]:
    answer = served.client.post(JOBS, json=STAR | fields, headers={"Prefer": "wait=30"})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def deliveries(served: Served, connector: dict[str, Any]) -> list[dict[str, Any]]:
    return list(served.client.get(f"{CONNECTORS}/{connector['id']}/deliveries").json()["deliveries"])


def colour_of(content: bytes) -> bytes:
    return bytes(Image.open(io.BytesIO(content)).convert("RGB").getpixel((0, 0)))  # type: ignore[arg-type]


def test_every_picture_goes_to_a_folder_that_takes_all(serve: Serve, pictures: Path) -> None:
    served = serve_near(serve, pictures)
    made(served, "folder", root=str(pictures), folder="/AI Generated Images/new/", auto_upload=True)
    job = draw(served, count=2)
    until(lambda: len(list(pictures.rglob("*.png"))) == 2)
    for image in job["images"]:
        (file,) = (pictures / "AI Generated Images" / "new").glob(f"20??-??-??_a_red_star_{image['id']}.png")
        assert colour_of(file.read_bytes()) == flat_colour(image["seed"])
        assert file.stat().st_mode & 0o777 == 0o644


def test_a_job_may_name_the_connector_that_its_pictures_go_to(serve: Serve, pictures: Path) -> None:
    served = serve_near(serve, pictures)
    connector = made(served, "folder", root=str(pictures), file_naming="{seed}")
    draw(served, seed=1)
    draw(served, seed=2, connector=connector["id"])
    until(lambda: bool(deliveries(served, connector)) and deliveries(served, connector)[0]["state"] == "delivered")
    assert [file.name[:2] for file in pictures.iterdir()] == ["2_"]
    refused = served.client.post(JOBS, json=STAR | {"connector": "connector_of_somebody"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (404, "connector_unknown")


def test_a_folder_that_the_operator_did_not_name_is_refused(serve: Serve, pictures: Path, tmp_path: Path) -> None:
    served = serve_near(serve, pictures)
    for root in (tmp_path, pictures / "below", pictures / ".."):
        answer = served.client.post(CONNECTORS, json={"service": "folder", "root": str(root)})
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "not_offered")


def test_a_link_does_not_lead_out_of_the_root(serve: Serve, pictures: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (pictures / "link").symlink_to(outside)
    served = serve_near(serve, pictures)
    connector = made(served, "folder", root=str(pictures), folder="link")
    assert served.client.post(f"{CONNECTORS}/{connector['id']}/test").json()["delivered"] is False
    assert list(outside.iterdir()) == []


def test_what_a_folder_does_not_take_is_tried_again(serve: Serve, pictures: Path) -> None:
    served = serve_near(serve, pictures, webhook_retry_seconds=[0.1] * 200)
    connector = made(served, "folder", root=str(pictures), folder="there", auto_upload=True)
    (pictures / "there").write_bytes(b"a file is in the way")
    draw(served)
    until(lambda: bool(deliveries(served, connector)[0]["attempts"]))
    (pictures / "there").unlink()
    until(lambda: deliveries(served, connector)[0]["state"] == "delivered")
    assert len(list((pictures / "there").iterdir())) == 1


def test_s3_gets_the_file_signed(serve: Serve, pictures: Path) -> None:
    asked: list[tuple[str, dict[str, str], bytes]] = []

    def answer(method: str, path: str, headers: dict[str, str], body: bytes) -> int:
        asked.append((path, headers, body))
        return 200

    receiver = Receiver(any_method=answer)
    with receiver.listening():
        served = serve_near(serve, pictures)
        access = {"access_key": "KEY", "secret_key": "a secret of S3"}
        where = {"endpoint": f"http://127.0.0.1:{receiver.port}", "region": "eu-west-1", "bucket": "drawn"}
        connector = made(served, "s3", folder="a b", auto_upload=True, **where, **access)
        assert "secret_key" not in str(connector)
        draw(served)
        until(lambda: bool(asked))
    path, headers, body = asked[0]
    assert path.startswith("/drawn/a%20b/20")
    assert colour_of(body) == flat_colour(3)
    assert headers["x-amz-content-sha256"] == hashlib.sha256(body).hexdigest()
    url = f"http://{headers['host']}{path}"
    names = headers["authorization"].split("SignedHeaders=")[1].split(",")[0].split(";")
    again = AWSRequest("PUT", url, {name: headers[name] for name in names if name != "host"}, body)
    again.context["timestamp"] = headers["x-amz-date"]
    auth = S3SigV4Auth(Credentials("KEY", "a secret of S3"), "s3", "eu-west-1")
    signature = auth.signature(auth.string_to_sign(again, auth.canonical_request(again)), again)
    assert headers["authorization"].endswith(f"Signature={signature}")
    written = b"".join(file.read_bytes() for file in served.data.glob("darkroom.db*"))
    assert b"a secret of S3" not in written


def test_webdav_makes_the_folders_that_are_not_there(serve: Serve, pictures: Path) -> None:
    there = {"/dav"}

    def answer(method: str, path: str, headers: dict[str, str], body: bytes) -> int:
        assert headers["authorization"] == "Basic " + base64.b64encode(b"ann:secret").decode()
        parent = path.rpartition("/")[0]
        if parent not in there:
            return 409
        there.add(path)
        return 201

    receiver = Receiver(any_method=answer)
    with receiver.listening():
        served = serve_near(serve, pictures)
        url = f"http://127.0.0.1:{receiver.port}/dav"
        made(served, "webdav", url=url, user="ann", password="secret", folder="a/b", file_naming="x", auto_upload=True)
        job = draw(served)
        name = f"/dav/a/b/x_{job['images'][0]['id']}.png"
        until(lambda: name in there)
    assert there == {"/dav", "/dav/a", "/dav/a/b", name}


def test_sftp_writes_where_the_host_shows_its_key(serve: Serve, pictures: Path, tmp_path: Path) -> None:
    remote = tmp_path / "remote"
    remote.mkdir()
    with ssh_host(remote) as host:
        served = serve_near(serve, pictures)
        fields = {"host": "127.0.0.1", "port": host.port, "user": USER, "folder": "a/b"}
        good = {"host_key": host.fingerprint, "password": PASSWORD}
        other = good | {"host_key": f"SHA256:{'A' * 43}"}
        wrong = good | {"password": "wrong"}
        for access, sentence in ((other, "another key"), (wrong, "credentials")):
            connector = made(served, "sftp", **fields, **access)
            told = served.client.post(f"{CONNECTORS}/{connector['id']}/test").json()
            assert (told["delivered"], sentence in told["message"]) == (False, True)
        connector = made(served, "sftp", **fields, **good)
        draw(served, connector=connector["id"])
        until(lambda: deliveries(served, connector)[0]["state"] == "delivered")
    (file,) = (remote / "a" / "b").iterdir()
    assert colour_of(file.read_bytes()) == flat_colour(3)


def test_dropbox_exchanges_the_code_once_and_uploads_with_fresh_tokens(serve: Serve, pictures: Path) -> None:
    asked: list[tuple[str, dict[str, str], bytes]] = []
    tokens = {
        "authorization_code": '{"refresh_token": "lasting", "access_token": "x"}',
        "refresh_token": '{"access_token": "fresh"}',
    }

    def answer(method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, str]:
        asked.append((path, headers, body))
        grant = next((grant for grant in tokens if f"grant_type={grant}".encode() in body), None)
        return 200, tokens[grant] if path == "/oauth2/token" and grant else "{}"

    receiver = Receiver(any_method=answer)
    with receiver.listening():
        near = f"http://127.0.0.1:{receiver.port}"
        served = serve_near(serve, pictures, dropbox_app_key="app", dropbox_app_secret="app secret")
        places: Places = served.app.state.parts.connectors._places
        object.__setattr__(places, "app", DropboxApp("app", "app secret", near, near))
        fields = {"auth_code": "auth_code_from_oauth", "folder": "/AI Generated Images", "auto_upload": True}
        connector = made(served, "dropbox", **fields)
        draw(served)
        until(lambda: deliveries(served, connector)[0]["state"] == "delivered")
    assert [path for path, _, _ in asked] == ["/oauth2/token", "/oauth2/token", "/2/files/upload"]
    assert b"code=auth_code_from_oauth" in asked[0][2]
    assert b"refresh_token=lasting" in asked[1][2]
    _, headers, body = asked[2]
    assert headers["authorization"] == "Bearer fresh"
    assert '"path": "/AI Generated Images/20' in headers["dropbox-api-arg"]
    assert colour_of(body) == flat_colour(3)


@pytest.mark.parametrize(
    ("service", "fields"),
    [
        ("s3", {"endpoint": "http://127.0.0.1:{port}", "bucket": "b", "access_key": "k", "secret_key": "s"}),
        ("webdav", {"url": "http://127.0.0.1:{port}/", "user": "u", "password": "p"}),
        ("sftp", {"host": "localhost", "port": 0, "user": "u", "password": "p", "host_key": f"SHA256:{'A' * 43}"}),
    ],
)
def test_nothing_inside_the_network_is_called_for_a_stranger(
    serve: Serve, pictures: Path, receiver: Receiver, service: str, fields: dict[str, Any]
) -> None:
    served = serve_near(serve, pictures, webhook_allow=[])
    there = {
        name: receiver.port if value == 0 else str(value).format(port=receiver.port) for name, value in fields.items()
    }
    connector = made(served, service, **there)
    told = served.client.post(f"{CONNECTORS}/{connector['id']}/test").json()
    assert (told["delivered"], "DARKROOM_WEBHOOK_ALLOW" in told["message"]) == (False, True)
    assert receiver.got == []


@pytest.mark.parametrize(("service", "module"), [("s3", "botocore.auth"), ("sftp", "paramiko")])
def test_a_library_that_is_not_here_is_named(
    serve: Serve, pictures: Path, monkeypatch: pytest.MonkeyPatch, service: str, module: str
) -> None:
    served = serve_near(serve, pictures)
    monkeypatch.setitem(sys.modules, module, None)
    fields: dict[str, dict[str, Any]] = {
        "s3": {"endpoint": "http://s3.example", "bucket": "b", "access_key": "k", "secret_key": "s"},
        "sftp": {"host": "example.org", "user": "u", "password": "p", "host_key": f"SHA256:{'A' * 43}"},
    }
    answer = served.client.post(CONNECTORS, json={"service": service} | fields[service])
    assert answer.status_code == 400
    assert "darkroom[connectors]" in answer.json()["error"]["message"]


def test_a_connector_that_was_removed_gets_nothing(serve: Serve, pictures: Path) -> None:
    served = serve_near(serve, pictures)
    kept = made(served, "folder", root=str(pictures), folder="kept", auto_upload=True)
    gone = made(served, "folder", root=str(pictures), folder="gone", auto_upload=True)
    assert served.client.delete(f"{CONNECTORS}/{gone['id']}").status_code == 204
    assert served.client.get(CONNECTORS).json() == {"connectors": [kept]}
    draw(served)
    until(lambda: deliveries(served, kept)[0]["state"] == "delivered")
    assert [folder.name for folder in pictures.iterdir()] == ["kept"]
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/test"), ("GET", "/deliveries")):
        assert served.client.request(method, f"{CONNECTORS}/{gone['id']}{path}").status_code == 404


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("service", "ftp"),
        ("service", 7),
        ("root", ""),
        ("folder", "a/../../b"),
        ("folder", "a/.hidden"),
        ("folder", "a\\b"),
        ("folder", "a\nb"),
        ("file_naming", "{password}"),
        ("file_naming", "{id"),
        ("auto_upload", 1),
    ],
)
def test_a_connector_that_cannot_work_is_refused_with_the_field_to_blame(
    shared: Served, field: str, value: Any
) -> None:
    answer = shared.client.post(CONNECTORS, json={"service": "folder", "root": "/nowhere"} | {field: value})
    assert (answer.status_code, answer.json()["error"].get("field")) == (400, field)


@pytest.mark.parametrize(
    ("pattern", "known", "name"),
    [
        pytest.param("{date}_{prompt_snippet}_{id}", {}, "2026-11-21_a_red_star_image_7.png", id="the usual"),
        pytest.param("star", {}, "star_image_7.png", id="no two have one name"),
        pytest.param("../../{id}", {}, "image_7.png", id="no way up"),
        pytest.param("{prompt_snippet}/{id}", {"prompt_snippet": "..\\..\\a:b*c?"}, "a_b_c_image_7.png", id="Windows"),
        pytest.param("{model}.{id}", {"model": "con"}, "_con.image_7.png", id="a name that Windows keeps"),
        pytest.param("{prompt_snippet}_{id}", {"prompt_snippet": "ein Würfel"}, "ein_Würfel_image_7.png", id="letters"),
        pytest.param("{prompt_snippet}", {"prompt_snippet": "\x00\n"}, "image_7.png", id="what cannot be seen"),
    ],
)
def test_names_of_files_are_safe_everywhere(pattern: str, known: dict[str, str], name: str) -> None:
    assert file_name(pattern, KNOWN | known, "png") == name


def test_a_long_name_is_cut_and_still_its_own() -> None:
    names = {
        file_name("{prompt_snippet}_{id}", KNOWN | {"prompt_snippet": "å" * 500, "id": each}, "png") for each in "ab"
    }
    assert len(names) == 2
    assert all(len(name.encode()) <= 160 for name in names)
