"""Seamless pictures go on at their other edge: what is moved over an edge comes in at the other, and is the same."""

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from pipelines.canvas import canvas_of
from pipelines.catalog import Catalog
from pipelines.engine.rows import Rows
from pipelines.errors import TaskRefused
from pipelines.planning import image_to_image, text_to_image
from pipelines.registry import Registry
from pipelines.sdxl.latents import decode
from pipelines.sdxl.pipeline import SdxlPipeline
from pipelines.sizes import plan, resized
from pipelines.tasks import Drawing, Raster
from tests.pipelines.engine.company import farthest
from tests.pipelines.sdxl.together import drawn

MOVED = (8, 4)  # latent positions, down and to the right: so many that the smallest layers can follow
PIXELS = 8  # of a picture for one of its latent
GRADIENT = Raster(64, 64, Image.linear_gradient("L").resize((64, 64)).convert("RGB").tobytes())


def pipeline(registry: Registry, *, seamless: bool) -> SdxlPipeline:
    found = registry.pipeline("tiny", (), seamless=seamless)
    assert isinstance(found, SdxlPipeline)
    return found


def farthest_when_moved(catalog: Catalog, registry: Registry, task: Drawing) -> int:
    """How far, in levels, the picture that was moved before it was drawn is from the one that was moved afterwards."""
    draws, canvas = pipeline(registry, seamless=task.seamless), canvas_of(task, plan(128, 128, catalog.get("tiny")))
    (still,), (moved,) = (draws.drafts("job", task, canvas) for _ in range(2))
    moved.latent = still.latent.roll(MOVED, (1, 2))
    while not still.is_done:
        draws.tick([still, moved], None)
    one, other = draws.decode([still, moved])
    there = np.roll(one, (MOVED[0] * PIXELS, MOVED[1] * PIXELS), (0, 1))
    return int(np.abs(there.astype(int) - other).max())


@pytest.mark.parametrize("said", [{}, {"guidance_scale": 1.0}])
def test_what_is_moved_over_an_edge_comes_in_at_the_other(
    catalog: Catalog, registry: Registry, said: dict[str, Any]
) -> None:
    task = {"prompt": "a star", "width": 128, "height": 128, "steps": 4, "seed": 7} | said
    assert farthest_when_moved(catalog, registry, text_to_image(catalog, **task, seamless=True)) <= 1
    assert farthest_when_moved(catalog, registry, text_to_image(catalog, **task)) > 8


def test_one_more_kind_of_drawing_takes_no_more_weights(registry: Registry) -> None:
    own, twin = pipeline(registry, seamless=False).model, pipeline(registry, seamless=True).model
    for part in ("unet", "vae"):
        theirs, ours = getattr(own, part), getattr(twin, part)
        assert all(one is other for one, other in zip(theirs.parameters(), ours.parameters(), strict=True))
    assert own.unet.conv_in.padding_mode == "zeros"


def test_seamless_pictures_and_others_do_not_see_each_other(catalog: Catalog, registry: Registry) -> None:
    said: dict[str, Any] = {"prompt": "a star", "width": 64, "height": 64, "steps": 3, "seed": 7}
    tasks = [text_to_image(catalog, **said, seamless=seamless) for seamless in (False, True, False)]
    tasks_over = [image_to_image(catalog, **said, image=GRADIENT, seamless=seamless) for seamless in (False, True)]
    (plain,), (wrapped,), (again,), (over,), (over_wrapped,) = drawn(catalog, registry, [*tasks, *tasks_over], Rows())
    assert farthest(plain, again) <= 1
    assert farthest(plain, wrapped) > 1
    assert farthest(over, over_wrapped) > 1


def test_another_size_goes_on_at_the_other_edge_still() -> None:
    pixels = np.random.default_rng(7).integers(0, 256, (96, 96, 3), np.uint8)
    moved = Image.fromarray(np.roll(pixels, (24, 48), (0, 1)))
    one, other = (np.asarray(resized(image, (64, 64))).astype(int) for image in (Image.fromarray(pixels), moved))
    assert np.abs(np.roll(one, (16, 32), (0, 1)) - other).max() <= 1


def test_a_picture_too_large_for_the_memory_is_not_decoded_in_tiles(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = pipeline(registry, seamless=True).model

    def full(*_: Any, **__: Any) -> None:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(model.vae, "decode", full)
    monkeypatch.setattr(model.vae, "enable_tiling", lambda: pytest.fail("tiles would go on at their own edges"))
    with pytest.raises(torch.OutOfMemoryError):
        decode(model, torch.zeros(1, 4, 8, 8))


def test_what_is_streamed_cannot_draw_them(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry.sdxl("tiny").unet, "_diffusers_hook", object(), raising=False)
    with pytest.raises(TaskRefused, match="seamless"):
        pipeline(registry, seamless=True)
