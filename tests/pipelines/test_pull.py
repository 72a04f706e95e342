"""`pull` brings exactly the files that were named, whole and true, and goes on where it was broken off."""

import hashlib
import http.server
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlsplit

import huggingface_hub
import pytest
import trustme

from pipelines.catalog import Catalog, read_lock
from pipelines.errors import DarkroomError, ModelUnknown, WeightsRefused
from pipelines.pull import UNFINISHED, PullFailed, pull
from tests.pipelines.conftest import Write

COMMIT = "c0ffee" * 6 + "abcd"
HEADER = json.dumps({"w": {"dtype": "F32", "shape": [50_000], "data_offsets": [0, 200_000]}}).encode()
WEIGHTS = len(HEADER).to_bytes(8, "little") + HEADER + bytes(range(200)) * 1000
FILES = {"config.json": b'{"width": 64}', "unet/model.safetensors": WEIGHTS, "pickle.bin": b"never asked for"}
SOURCE = {"source": {"hub": "owner/name"}, "files": [{"path": "config.json"}, {"path": "unet/model.safetensors"}]}


class Hub(http.server.BaseHTTPRequestHandler):
    """The part of a hub that serves files: HEAD and GET of /owner/name/resolve/REVISION/FILE, with ranges."""

    files: ClassVar[dict[str, bytes]]
    asked: ClassVar[list[str]]
    break_after: ClassVar[int | None]  # bytes, of each answer
    ranges: ClassVar[bool]

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        path = urlsplit(self.path).path  # behind a proxy the whole address is asked for
        start = int(self.headers.get("Range", "bytes=0-")[6:-1]) if self.ranges else 0
        self.asked.append(f"{self.command} {self.path} {start}")
        repository, _, name = path.partition("/resolve/")
        revision, _, name = name.partition("/")
        content = self.files.get(name) if repository == "/owner/name" and revision in ("main", COMMIT) else None
        if content is None:
            self.send_response(404)
            self.send_header("X-Error-Code", "EntryNotFound" if repository == "/owner/name" else "RepoNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.send_header("ETag", f'"{hashlib.sha256(FILES[name]).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if body:
            broken = self.break_after is not None and len(content) - start > self.break_after
            self.wfile.write(content[start : start + self.break_after] if broken else content[start:])
            self.close_connection = broken

    def log_message(self, format: str, *args: object) -> None: ...


Serve = Callable[..., type[Hub]]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Starts a hub on a loopback port and points HF_ENDPOINT at it; gives the class, whose attributes are its state."""
    servers = []

    def start(
        files: dict[str, bytes] | None = None, *, tls: ssl.SSLContext | None = None, proxy: bool = False
    ) -> type[Hub]:
        state = {"files": FILES if files is None else files, "asked": [], "break_after": None, "ranges": True}
        hub = type("HubOfThisTest", (Hub,), state)
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), hub)
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        servers.append(server)
        address = f"{'https' if tls else 'http'}://localhost:{server.server_port}"
        monkeypatch.setenv("HTTP_PROXY" if proxy else "HF_ENDPOINT", address)
        return hub

    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy", "HF_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    huggingface_hub.close_session()  # it reads the environment once a session
    yield start
    huggingface_hub.close_session()
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def catalog(catalogued: Write) -> Catalog:
    return catalogued(SOURCE)


def ignore(*_: object) -> None: ...


def installed_files(catalog: Catalog) -> dict[str, bytes]:
    folder = catalog.folder(catalog.get("tiny"))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def unfinished(catalog: Catalog) -> Path:
    return catalog.models_folder / UNFINISHED / f"tiny-{COMMIT}"


def test_the_named_files_come_and_no_others(serve: Serve, catalog: Catalog) -> None:
    hub = serve()
    pull(catalog, "tiny", ignore)
    assert installed_files(catalog) == {name: FILES[name] for name in ("config.json", "unet/model.safetensors")}
    assert not any("pickle.bin" in line for line in hub.asked)
    assert list((catalog.models_folder / UNFINISHED).iterdir()) == []


def test_the_lock_file_records_what_came(serve: Serve, catalogued: Write) -> None:
    serve()
    pull(catalogued(SOURCE), "tiny", ignore)
    model = catalogued(SOURCE).get("tiny")
    assert model.source is not None
    assert model.source.revision == COMMIT
    assert [file.sha256 for file in model.files] == [
        hashlib.sha256(FILES[file.path]).hexdigest() for file in model.files
    ]
    assert model.size_bytes == sum(len(FILES[file.path]) for file in model.files)


def test_pulling_one_model_keeps_what_the_lock_file_says_of_others(serve: Serve, catalogued: Write) -> None:
    serve()
    catalog = catalogued(SOURCE | {"id": "one"}, SOURCE | {"id": "two"})
    pull(catalog, "one", ignore)
    pull(catalog, "two", ignore)
    assert set(read_lock(catalog.models_folder).models) == {"one", "two"}


def test_what_is_installed_is_not_asked_for_again(serve: Serve, catalog: Catalog) -> None:
    hub = serve()
    pull(catalog, "tiny", ignore)
    asked = len(hub.asked)
    pull(catalog, "tiny", ignore)
    assert len(hub.asked) == asked


def test_a_broken_off_file_goes_on_where_it_was_in_the_same_run(serve: Serve, catalog: Catalog) -> None:
    hub = serve()
    hub.break_after = 70_000
    pull(catalog, "tiny", ignore)
    starts = [int(line.split()[-1]) for line in hub.asked if line.startswith("GET") and "unet" in line]
    assert starts == [0, 70_000, 140_000]
    assert installed_files(catalog)["unet/model.safetensors"] == WEIGHTS


def test_a_broken_off_pull_goes_on_where_it_was_in_a_later_run(serve: Serve, catalog: Catalog) -> None:
    hub = serve()

    def stop_on_the_way(name: str, here: int, _: int) -> None:
        if name == "unet/model.safetensors" and here:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pull(catalog, "tiny", stop_on_the_way)
    assert installed_files(catalog) == {}
    kept = (unfinished(catalog) / "unet" / "model.safetensors").stat().st_size
    assert 0 < kept < len(WEIGHTS)
    hub.asked.clear()
    pull(catalog, "tiny", ignore)
    assert [int(line.split()[-1]) for line in hub.asked if line.startswith("GET")] == [kept]
    assert installed_files(catalog)["unet/model.safetensors"] == WEIGHTS


def test_a_hub_without_ranges_is_read_from_the_start_again(serve: Serve, catalog: Catalog) -> None:
    hub = serve()
    hub.ranges = False
    partial = unfinished(catalog) / "unet" / "model.safetensors"
    partial.parent.mkdir(parents=True)
    partial.write_bytes(WEIGHTS[:1000])
    pull(catalog, "tiny", ignore)
    assert installed_files(catalog)["unet/model.safetensors"] == WEIGHTS


def test_progress_is_told_to_the_last_byte(serve: Serve, catalog: Catalog) -> None:
    serve()
    told: list[tuple[str, int, int]] = []
    pull(catalog, "tiny", lambda *line: told.append(line))
    assert ("config.json", len(FILES["config.json"]), len(FILES["config.json"])) in told
    assert told[-1] == ("unet/model.safetensors", len(WEIGHTS), len(WEIGHTS))


CHANGED = WEIGHTS[:-1] + b"!"


@pytest.mark.parametrize(
    ("files", "entry", "error"),
    [
        (FILES | {"unet/model.safetensors": CHANGED}, SOURCE, WeightsRefused),
        (FILES, SOURCE | {"files": [{"path": "config.json", "sha256": "0" * 64}]}, WeightsRefused),
        (FILES, SOURCE | {"files": [{"path": "config.json"}, {"path": "pickle.bin"}]}, WeightsRefused),
        ({"config.json": b"{}"}, SOURCE, DarkroomError),
        (FILES, SOURCE | {"source": {"hub": "somebody/else"}}, PullFailed),
        (FILES, SOURCE | {"source": None}, PullFailed),
    ],
    ids=[
        "other bytes than the hub's own sha256",
        "other bytes than the sha256 of models.yaml",
        "a file that may hold code",
        "a file that is not there",
        "a repository that is not there",
        "no source",
    ],
)
def test_what_goes_wrong_is_a_named_error_and_installs_nothing(
    serve: Serve, catalogued: Write, files: dict[str, bytes], entry: dict[str, object], error: type[Exception]
) -> None:
    serve(files)
    catalog = catalogued(entry)
    with pytest.raises(error) as raised:
        pull(catalog, "tiny", ignore)
    assert str(catalog.models_folder) not in str(raised.value)
    assert installed_files(catalog) == {}
    assert read_lock(catalog.models_folder).models == {}


def test_an_unknown_name_is_a_named_error(catalog: Catalog) -> None:
    with pytest.raises(ModelUnknown):
        pull(catalog, "nobody", ignore)


def test_a_hub_that_nobody_answers_for_is_a_named_error(
    serve: Serve, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(PullFailed, match="HTTPS_PROXY and SSL_CERT_FILE"):
        pull(catalog, "tiny", ignore)


def test_a_proxy_is_honoured(serve: Serve, catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://hub.invalid")  # a name that nothing can resolve
    proxy = serve(proxy=True)
    pull(catalog, "tiny", ignore)
    assert all(line.split()[1].startswith("http://hub.invalid/") for line in proxy.asked)
    assert catalog.is_installed(catalog.get("tiny"))


def test_a_private_authority_is_honoured(
    serve: Serve, catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority, certificate = trustme.CA(), tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    serve(tls=context)
    with pytest.raises(PullFailed):
        pull(catalog, "tiny", ignore)
    huggingface_hub.close_session()
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    pull(catalog, "tiny", ignore)
    assert catalog.is_installed(catalog.get("tiny"))
