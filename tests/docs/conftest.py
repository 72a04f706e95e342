"""What the examples of the pages find: a server that draws with the shapes models, and a folder to run in."""

import base64
import io
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import torch
from PIL import Image

from pipelines.engine.inline import InlineWorker
from tests.dialects.pictures import file_of, scene
from tests.docs.pages import ROOT
from tests.over_http import client_of
from tests.pipelines.tiny_upscalers import folding_network
from tests.server.serving import KEY, quiet
from tests.shapes import Artist

__all__ = ["quiet"]

BRIEFLY = "-m tests.docs.briefly"
COMMANDS = {".venv/bin/python": "", ".venv/bin/darkroom": BRIEFLY, "scripts/serve": f"{BRIEFLY} serve"}


@dataclass(frozen=True)
class Reader:
    """Who tries what the pages say. account: the id of one. stands_for: what is written there, and what it is here."""

    client: httpx.Client
    folder: Path
    account: str
    stands_for: dict[str, str]

    def here(self, text: str) -> str:
        for written, meant in self.stands_for.items():
            text = text.replace(written, meant)
        return text

    def run(self, script: str) -> subprocess.CompletedProcess[str]:
        variables = {"PATH": f"{self.folder}/.venv/bin:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
        homes = {name: str(self.folder) for name in ("HOME", "CURL_HOME", "XDG_DATA_HOME")}
        keys = {"KEY": KEY, "DARKROOM_KEY": KEY, "AUTH": f"Authorization: Bearer {KEY}"}
        ids = {"SERVER": str(self.client.base_url).rstrip("/"), "ACCOUNT": self.account}
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", self.here(script)],  # noqa: S607
            cwd=self.folder, env=variables | homes | keys | ids | {"OMP_NUM_THREADS": "1"},
            capture_output=True, text=True, timeout=240, check=False,
        )  # fmt: skip


@pytest.fixture(scope="session")
def picture() -> bytes:
    return scene("red", "star", "white")


@pytest.fixture(scope="session")
def reader(artist: Artist, picture: bytes, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """In a checkout of a kind: the commands are there, nothing that they do touches this one."""
    folder = tmp_path_factory.mktemp("checkout")
    for place, arguments in COMMANDS.items():
        file = folder / place
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f'#!/bin/sh\nexec "{sys.executable}" {arguments} "$@"\n')
        file.chmod(0o755)
    (folder / ".curlrc").write_text('fail-with-body\nsilent\nshow-error\nnoproxy = "*"\n')
    (folder / "picture.png").write_bytes(picture)
    torch.save({"params_ema": folding_network()}, folder / "RealESRGAN_x2plus.pth")
    (folder / "backups").mkdir()
    data = folder / "darkroom"  # what a command takes for the user's data folder, too
    data.mkdir()
    with client_of(data, artist.catalog, InlineWorker(artist.catalog, "cpu")) as client:
        yield Reader(client, folder, made_by(client, "accounts"), stands_for(client, picture))


def stands_for(client: httpx.Client, picture: bytes) -> dict[str, str]:
    mask = mask_of(Image.open(io.BytesIO(picture)).size)
    return {
        "/backups/darkroom-20261121-030000.tar": "backups/*.tar",  # the one that the line before made
        "/backups/": "backups/",
        "/srv/darkroom": "restored",
        "http://127.0.0.1:8080": str(client.base_url).rstrip("/"),
        "$PICTURE": base64.b64encode(picture).decode(),
        "$MASK": base64.b64encode(mask).decode(),
        "5f0c1e2d3a4b5c6d": made_by(client, "keys"),
    }


def mask_of(size: tuple[int, int]) -> bytes:
    """White in the left half."""
    mask = Image.new("L", size)
    mask.paste(255, (0, 0, size[0] // 2, size[1]))
    return file_of(mask)


def made_by(client: httpx.Client, things: str) -> str:
    answer = client.post(f"/darkroom/v1/{things}", json={"name": "somebody's"}).raise_for_status()
    return str(answer.json()["id"])
