"""Sixteen clients of five APIs at once: each gets its own picture, and the pictures are drawn in the same ticks."""

import base64
import io
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest
from PIL import Image
from sqlalchemy import select
from structlog.testing import capture_logs

from pipelines.demo.world import COLOURS, SHAPES
from pipelines.engine.inline import InlineWorker
from server.store.database import Database
from server.store.tables import jobs
from tests.judge import look
from tests.over_http import PATIENCE_SECONDS, at_once, client_of
from tests.promises.conftest import Torture
from tests.server.serving import hush, quiet
from tests.shapes import Artist

__all__ = ["quiet"]
pytestmark = pytest.mark.draws

CLIENTS = 16
FULL_SECONDS = 120
LEAST_RIGHT = 0.9  # of thing and ground: the shapes model is not always right, but never somebody else's
Ask = Callable[[httpx.Client, str, int], bytes]


def answered(client: httpx.Client, path: str, body: dict[str, Any]) -> Any:
    answer = client.post(path, json=body)
    assert answer.is_success, answer.text
    return answer.json()


def by_generations_v1(client: httpx.Client, prompt: str, seed: int) -> bytes:
    """It takes no seed."""
    made = answered(client, "/api/v1/generations", {"prompt": prompt, "autoEnhance": False})["data"]
    until = time.monotonic() + PATIENCE_SECONDS
    while made["status"] != "success":
        assert time.monotonic() < until
        assert made["status"] != "failed"
        time.sleep(0.2)
        made = client.get(f"/api/v1/generations/{made['id']}").raise_for_status().json()["data"]
    return client.get(made["outputImage"]["storageUrl"]).raise_for_status().content


def by_image_studio(client: httpx.Client, prompt: str, seed: int) -> bytes:
    body = {"prompt": prompt, "seed": seed, "enhance_prompt": False}
    return base64.b64decode(answered(client, "/api/image-studio/create", body)["results"][0]["image_base64"])


def by_imagegen_v2(client: httpx.Client, prompt: str, seed: int) -> bytes:
    body = {"prompt": prompt, "parameters": {"seed": seed}}
    image = answered(client, "/api/v2/generate/text-to-image", body)["images"][0]
    return client.get(image["url"]).raise_for_status().content


def by_images_v0(client: httpx.Client, prompt: str, seed: int) -> bytes:
    """It takes no seed."""
    (image,) = answered(client, "/v0/images/generations", {"prompt": prompt})["data"]["data"]
    return client.get(image["url"]).raise_for_status().content


def by_openai(client: httpx.Client, prompt: str, seed: int) -> bytes:
    body = {"prompt": prompt, "seed": seed, "response_format": "b64_json"}
    return base64.b64decode(answered(client, "/v1/images/generations", body)["data"][0]["b64_json"])


APIS: tuple[Ask, ...] = (by_generations_v1, by_image_studio, by_imagegen_v2, by_images_v0, by_openai)


def is_right(client: httpx.Client, number: int, turn: int) -> bool:
    """Whether a client's next picture is in the two colours that it asked for, which few others have asked for."""
    random = Random(CLIENTS * turn + number)
    colour, ground = random.sample(list(COLOURS), 2)
    prompt = f"a big {colour} {random.choice(SHAPES)} on a {ground} background"
    content = APIS[number % len(APIS)](client, prompt, random.randrange(2**31))
    seen = look(Image.open(io.BytesIO(content)).convert("RGB"))
    return (seen.colour, seen.background) == (colour, ground)


def client_s_turns(client: httpx.Client, number: int, seconds: float) -> list[bool]:
    """Pictures one after another until the time is over; one at least."""
    until, right = time.monotonic() + seconds, [is_right(client, number, 0)]
    while time.monotonic() < until:
        right.append(is_right(client, number, len(right)))
    return right


def apis_in_ticks(folder: Path, ticks: list[Any]) -> list[set[str]]:
    """Of each tick of the engine's log, by which APIs the jobs in it came."""
    database = Database(f"sqlite:///{folder / 'darkroom.db'}")
    with database.look() as connection:
        came_by = {row.id: row.api for row in connection.execute(select(jobs.c.id, jobs.c.api))}
    database.close()
    return [{came_by[job] for job in tick["jobs"]} for tick in ticks]


def test_clients_of_five_apis_are_each_served_their_own_pictures_in_shared_ticks(
    artist: Artist, torture: Torture, tmp_path: Path
) -> None:
    seconds = torture.many(0, FULL_SECONDS)
    hush()  # ticks are told at the lowest level only
    with client_of(tmp_path, artist.catalog, InlineWorker(artist.catalog, "cpu")) as client, capture_logs() as logs:
        outcomes = at_once([partial(client_s_turns, client, number, seconds) for number in range(CLIENTS)])
    right = [one for turns in outcomes for one in turns]
    assert sum(right) >= LEAST_RIGHT * len(right)
    shared = apis_in_ticks(tmp_path, [line for line in logs if line["event"] == "tick"])
    most = max(shared, key=len)
    assert len(most) >= 3
    torture.tell(
        "Clients of all APIs are served at once, each with its own pictures",
        f"{CLIENTS} clients of {len(APIS)} APIs for {seconds} s",
        len(right),
        f"{sum(right)} in both colours asked for; up to {len(most)} APIs in one tick",
    )
