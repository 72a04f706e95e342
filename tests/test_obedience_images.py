"""Over HTTP: tasks that start from a picture obey as prompts do, and what was not asked for stays as it is."""

import io
import re
import time
from collections.abc import Iterator
from dataclasses import fields
from functools import partial
from random import Random
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from pipelines.canvas import raster_of
from pipelines.demo.draw import draw_scene
from pipelines.demo.world import Scene, Thing
from pipelines.engine.inline import InlineWorker
from pipelines.tasks import Drawing, FirstPass, ImageToImage, Inpaint, Outpaint, Task, TextToImage
from tests.judge import Sight, look, verdict
from tests.over_http import JOBS, all_drawn, at_once, body_of, client_of
from tests.over_http import drawn as drawn_over_http
from tests.server.serving import quiet
from tests.shapes import Artist, judged_scenes, percent

pytestmark = pytest.mark.draws
__all__ = ["quiet"]  # a fixture

SIDE = 128
PAIRS = [
    ("blue", "red"),
    ("red", "green"),
    ("green", "pink"),
    ("purple", "orange"),
    ("orange", "blue"),
    ("pink", "black"),
]
BACKGROUND = "white"


@pytest.fixture(scope="module")
def client(artist: Artist, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of a server that draws with the shapes model."""
    with client_of(tmp_path_factory.mktemp("obedience"), artist.catalog, InlineWorker(artist.catalog, "cpu")) as client:
        yield client


def said(artist: Artist, prompt: str, size: tuple[int, int] = (SIDE, SIDE), seed: int = 1) -> dict[str, Any]:
    """The fields that all drawings share."""
    task = artist.task(prompt, size, seed)
    return {field.name: getattr(task, field.name) for field in fields(Drawing)}


def drawn(colour: str, shape: str, size: str = "big", place: str = "middle") -> Image.Image:
    return draw_scene(Scene(BACKGROUND, (Thing(colour, shape, size, place),)), SIDE, SIDE, Random(1))


def prompt_of(colour: str, shape: str, size: str = "big") -> str:
    return f"a {size} {colour} {shape} on a {BACKGROUND} background"


@pytest.mark.parametrize(
    ("strength", "keeps"), [(0.1, True), (0.95, False)], ids=["kept when low", "changed when high"]
)
def test_the_colour_of_the_picture_underneath(
    artist: Artist, client: httpx.Client, strength: float, keeps: bool
) -> None:
    tasks: list[Task] = [
        ImageToImage(
            **said(artist, prompt_of(asked, "circle"), seed=seed),
            image=raster_of(drawn(there, "circle")),
            strength=strength,
        )
        for seed, (there, asked) in enumerate(PAIRS)
    ]
    seen = [look(image).colour for image in all_drawn(client, tasks)]
    wanted = [there if keeps else asked for there, asked in PAIRS]
    assert sum(one == other for one, other in zip(seen, wanted, strict=True)) >= len(PAIRS) - 1, seen


def test_inside_the_mask_the_prompt_is_obeyed_and_outside_nothing_changes(artist: Artist, client: httpx.Client) -> None:
    mask = Image.new("L", (SIDE, SIDE))
    mask.paste(255, (16, 16, 112, 112))
    outside = np.asarray(mask) == 0
    pictures = [drawn(there, "star") for there, _ in PAIRS]
    tasks: list[Task] = [
        Inpaint(
            **said(artist, prompt_of(asked, "square"), seed=seed),
            image=raster_of(picture),
            mask=raster_of(mask),
            strength=1.0,
        )
        for seed, (picture, (_, asked)) in enumerate(zip(pictures, PAIRS, strict=True))
    ]
    results = all_drawn(client, tasks)
    seen = [look(image).colour for image in results]
    assert sum(one == asked for one, (_, asked) in zip(seen, PAIRS, strict=True)) >= len(PAIRS) - 1, seen
    for picture, result in zip(pictures, results, strict=True):
        assert np.array_equal(np.asarray(picture)[outside], np.asarray(result)[outside])


def test_outpainting_continues_the_background_and_keeps_the_picture(artist: Artist, client: httpx.Client) -> None:
    pictures = [drawn(there, "circle", "medium").crop((16, 16, 112, 112)) for there, _ in PAIRS]
    tasks: list[Task] = [
        Outpaint(
            **said(artist, prompt_of(there, "circle", "medium"), seed=seed),
            image=raster_of(picture),
            left=16,
            top=16,
            right=16,
            bottom=16,
        )
        for seed, (picture, (there, _)) in enumerate(zip(pictures, PAIRS, strict=True))
    ]
    results = all_drawn(client, tasks)
    sights = [look(image) for image in results]
    assert sum(sight.background == BACKGROUND for sight in sights) >= len(PAIRS) - 1
    for picture, result in zip(pictures, results, strict=True):
        assert np.array_equal(np.asarray(picture), np.asarray(result.crop((16, 16, 112, 112))))


def test_a_picture_drawn_small_and_drawn_over_still_obeys(artist: Artist, client: httpx.Client) -> None:
    scenes = judged_scenes(8)
    tasks: list[Task] = [
        TextToImage(**said(artist, text, (192, 192), seed), first_pass=FirstPass(SIDE, SIDE, steps=20, strength=0.5))
        for seed, (_, text) in enumerate(scenes)
    ]
    results = all_drawn(client, tasks)
    assert {image.size for image in results} == {(192, 192)}
    verdicts = [verdict(image, scene) for image, (scene, _) in zip(results, scenes, strict=True)]
    for name in ("background", "colour", "place"):
        assert percent([one[name] for one in verdicts]) >= 75, name


def test_the_lora_turns_every_colour_into_ink_and_leaves_the_shapes(artist: Artist, client: httpx.Client) -> None:
    scenes = judged_scenes(16)

    def seen(scale: float) -> list[Sight]:
        loras = [{"name": "shapes-ink", "scale": scale}]
        tasks = [artist.task(text, seed=seed) for seed, (_, text) in enumerate(scenes)]
        images = at_once([partial(drawn_over_http, client, body_of(task) | {"loras": loras}) for task in tasks])
        return [look(image) for image in images]

    inked, plain = seen(1.0), seen(0.0)
    assert sum((sight.colour, sight.background) == ("black", "white") for sight in inked) >= 14
    assert sum(sight.shape == scene.things[0].shape for sight, (scene, _) in zip(inked, scenes, strict=True)) >= 12
    assert sum(sight.colour == scene.things[0].colour for sight, (scene, _) in zip(plain, scenes, strict=True)) >= 13


def test_prompts_with_weights_are_obeyed_as_those_without(artist: Artist, client: httpx.Client) -> None:
    scenes = judged_scenes(16)
    texts = [
        re.sub(rf"\b{scene.things[0].colour}\b", rf"({scene.things[0].colour}:1.5)", text, count=1)
        for scene, text in scenes
    ]
    assert sum(":1.5)" in text for text in texts) >= 14  # a sentence may say "grey"
    images = all_drawn(client, [artist.task(text, seed=seed) for seed, text in enumerate(texts)])
    verdicts = [verdict(image, scene) for image, (scene, _) in zip(images, scenes, strict=True)]
    for name in ("background", "colour", "place", "shape", "size"):
        assert percent([one[name] for one in verdicts]) >= 80, name


def test_a_weight_of_one_changes_nothing_and_any_other_does(artist: Artist, client: httpx.Client) -> None:
    """What else a weight does is the business of tests/pipelines/sdxl/test_emphasis.py, and of the next test."""
    plain, one, more = all_drawn(
        client,
        [
            artist.task(f"a big {word} circle on a white background", seed=1)
            for word in ("red", "(red:1.0)", "(red:1.5)")
        ],
    )
    assert np.abs(np.asarray(plain, int) - np.asarray(one, int)).max() <= 1
    assert np.abs(np.asarray(plain, int) - np.asarray(more, int)).max() > 1


def test_of_two_colours_the_heavier_word_wins(artist: Artist, client: httpx.Client) -> None:
    def redness(red: float, blue: float) -> float:
        """How much more red than blue there is in the middle of the pictures, in levels of 255."""
        prompt = f"a big (red:{red}) (blue:{blue}) circle on a white background"
        images = all_drawn(client, [artist.task(prompt, seed=seed) for seed in range(6)])
        middles = np.stack([np.asarray(image, float)[48:80, 48:80] for image in images])
        return float((middles[..., 0] - middles[..., 2]).mean())

    assert redness(1.8, 0.2) > redness(1.0, 1.0) > redness(0.2, 1.8)
    assert redness(1.8, 0.2) > redness(0.2, 1.8) + 25


def test_a_preview_has_the_colours_of_the_picture_to_come(artist: Artist, client: httpx.Client) -> None:
    asked = body_of(artist.task("a big red square on a white background", seed=1)) | {"previews": True}
    job = client.post(JOBS, json=asked).json()
    while job["state"] in ("queued", "running"):
        if job["preview"] and (answer := client.get(job["preview"])).is_success:  # it goes when the job ends
            last = Image.open(io.BytesIO(answer.content))
        time.sleep(0.02)
        job = client.get(f"{JOBS}/{job['id']}").json()
    picture = Image.open(io.BytesIO(client.get(job["images"][0]["file"]).content))
    small = [
        np.asarray(image.convert("RGB").resize((16, 16), Image.Resampling.BOX), float) for image in (last, picture)
    ]
    difference = np.abs(small[0] - small[1])
    assert difference.mean() < 25
