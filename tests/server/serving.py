"""A whole server for a test: a real uvicorn on a free loopback port, the step worker, a catalogue of three models."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from time import sleep
from typing import Any

import httpx
import pytest
import structlog
import uvicorn
from fastapi import FastAPI

from pipelines.catalog import Catalog, default_file
from pipelines.engine.protocol import Worker
from server.addresses import Destinations
from server.app import create_app
from server.fetch import Fetch
from server.settings import Settings
from tests.server.worker import StepWorker

KEY = "a key for tests, long enough"
NOWHERE = Fetch(Destinations.of("off"), most_bytes=1, seconds=1)
MODELS = """
models:
  - &flat
    id: flat
    name: Flat
    kind: sdxl
    description: Flat colours.
    licence: Apache-2.0
    files: [{path: flat.safetensors}]
    dtype: float32
    defaults: {steps: 8, guidance_scale: 4.0, sampler: euler, width: 128, height: 128}
    native_sizes: [128x128]
    direct: {min_side: 64, max_side: 256, min_pixels: 4096, max_pixels: 65536}
    limits: {max_side: 512, max_steps: 10}
  - {<<: *flat, id: absent, name: Absent, source: {hub: someone/absent, revision: null}}
  - id: enlarger
    name: Enlarger
    kind: upscaler
    description: Larger pictures.
    licence: Apache-2.0
    files: [{path: enlarger.safetensors}]
    dtype: float32
  - id: ink
    name: Ink
    kind: lora
    description: Black and white.
    licence: Apache-2.0
    files: [{path: ink.safetensors}]
    dtype: float16
  - id: lines
    name: Lines
    kind: controlnet
    description: Follows lines.
    licence: Apache-2.0
    files: [{path: lines.safetensors}]
    dtype: float16
  - id: looks
    name: Looks
    kind: ip-adapter
    description: Draws like a picture.
    licence: Apache-2.0
    files: [{path: looks.safetensors}]
    dtype: float16
"""


@dataclass(frozen=True)
class Served:
    """A running server. client: carries the key. url: scheme, host and port."""

    url: str
    client: httpx.Client
    worker: StepWorker
    app: FastAPI
    data: Path


Serve = Callable[..., Served]


def small_catalog(folder: Path) -> Catalog:
    """`flat`, the LoRA `ink`, the ControlNet `lines` and the IP-Adapter `looks` are installed, the others are not."""
    models_file, models_folder = folder / "models.yaml", folder / "models"
    models_file.write_text(MODELS)
    for name in ("flat", "ink", "lines", "looks"):
        (models_folder / name).mkdir(parents=True, exist_ok=True)
        (models_folder / name / f"{name}.safetensors").touch()
    return Catalog.load(models_file, models_folder)


def every_kind_catalog(folder: Path) -> Catalog:
    """The embedded models, and others that some kinds need: planning only looks whether their files are there."""
    catalog = Catalog.load(default_file(), folder)
    for model in (catalog.get("ip-adapter-sdxl"), catalog.get("gfpgan-1.4")):
        for file in model.files:
            place = catalog.folder(model) / file.path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.touch()
    return catalog


def free_port() -> int:
    """On loopback, for a server of another process."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def running(app: FastAPI) -> Iterator[str]:
    """The address of an application that a real uvicorn serves in a thread."""
    quietly: dict[str, Any] = {"log_config": None, "access_log": False}
    config = uvicorn.Config(app, port=0, proxy_headers=False, timeout_graceful_shutdown=5, **quietly)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, name="uvicorn")
    thread.start()
    try:
        while not server.started and thread.is_alive():
            sleep(0.01)
        assert server.started, "uvicorn did not start"
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


def application(folder: Path, worker: Worker, **settings: Any) -> FastAPI:
    values: dict[str, Any] = {"data": folder, "admin_key": KEY} | settings
    return create_app(Settings(**values), small_catalog(folder), worker)


def hush() -> None:
    """Whatever a command of this process made of the logs: its stream may be closed, its level higher."""
    structlog.reset_defaults()
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())


@pytest.fixture(scope="session", autouse=True)
def quiet() -> Iterator[None]:
    """A server's threads write their log past pytest's capture."""
    hush()
    yield
    structlog.reset_defaults()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Starts a server with the settings given: serve(max_queue=1)."""
    with ExitStack() as stack:

        def start(worker: StepWorker | None = None, **settings: Any) -> Served:
            worker = worker or StepWorker()
            app = application(tmp_path, worker, **settings)
            url = stack.enter_context(running(app))
            headers = {"Authorization": f"Bearer {KEY}"}
            client = stack.enter_context(httpx.Client(base_url=url, headers=headers, timeout=30, trust_env=False))
            stack.callback(worker.let_go)
            return Served(url, client, worker, app, tmp_path)

        yield start


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One server for all tests of a module that leave it as it was."""
    with served_from(tmp_path_factory.mktemp("shared")) as served:
        yield served


@contextmanager
def served_from(folder: Path, **settings: Any) -> Iterator[Served]:
    """A server with its data in a folder, and with the settings given."""
    worker = StepWorker()
    app = application(folder, worker, **settings)
    headers = {"Authorization": f"Bearer {KEY}"}
    with running(app) as url, httpx.Client(base_url=url, headers=headers, timeout=30, trust_env=False) as client:
        yield Served(url, client, worker, app, folder)


def key_for(served: Served, account: str = "admin", **rights: Any) -> str:
    """A new key of an account, with all scopes unless `rights` say other ones."""
    asked = {"name": "for a test", "account": account, "scopes": ["draw", "read", "manage"]} | rights
    return str(served.client.post("/darkroom/v1/keys", json=asked).raise_for_status().json()["key"])


def newcomer(served: Served, **rights: Any) -> dict[str, str]:
    """The headers of a key of a new account."""
    account = served.client.post("/darkroom/v1/accounts", json={"name": "somebody"}).raise_for_status().json()
    return {"Authorization": f"Bearer {key_for(served, account['id'], **rights)}"}


@contextmanager
def leaving(served: Served, path: str, body: dict[str, Any], **headers: str) -> Iterator[None]:
    """Somebody asks a new server for something, and goes away without an answer at the block's end, which the server
    then knows."""
    request = served.client.build_request("POST", path, json=body, headers=headers)
    with closing(HTTPConnection(request.url.host, request.url.port)) as connection:
        connection.request(request.method, path, request.read(), dict(request.headers))
        yield
    until(lambda: f'method="POST",route="{path}"' in served.client.get("/metrics").text)


def until(condition: Callable[[], bool]) -> None:
    """Returns when the condition holds; fails after half a minute."""
    for _ in range(3000):
        if condition():
            return
        sleep(0.01)
    raise AssertionError("it never came true")
