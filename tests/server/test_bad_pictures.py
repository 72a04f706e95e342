"""Every kind of job with pictures that are bad or odd: a sentence, or what is documented."""

import base64
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipelines.catalog import Catalog
from pipelines.errors import TaskRefused
from pipelines.tasks import Inpaint, Raster
from server import decode
from server.bodies.kinds import asked_for
from server.errors import ImageInvalid
from tests.server.serving import NOWHERE, every_kind_catalog
from tests.server.test_job_docs import EXAMPLES
from tests.server.test_picture_tasks import bomb, encoded

RED, BLUE = (220, 40, 40), (40, 60, 200)
BODIES: dict[str, dict[str, Any]] = {example["task"]: example for example in EXAMPLES if "image" in example}


def plain(size: tuple[int, int] = (64, 64), mode: str = "RGB", colour: Any = RED) -> Image.Image:
    return Image.new(mode, size, colour)


def cut_off(format_: str) -> str:
    file = base64.b64decode(encoded(Image.effect_noise((64, 64), 60).convert("RGB"), format_))
    return base64.b64encode(file[: len(file) // 2]).decode()


def animated(format_: str) -> str:
    """Red, then blue."""
    return encoded(plain(), format_, save_all=True, append_images=[plain(colour=BLUE)], lossless=True, duration=100)


def with_clear_half() -> Image.Image:
    """A palette of which one colour is transparent; it is on the right."""
    image = plain(mode="P", colour=0)
    image.putpalette([*RED, *BLUE])
    image.paste(1, (32, 0, 64, 64))
    return image


def gray(value: int) -> Image.Image:
    return Image.fromarray(np.full((64, 64), value, np.uint16))


REFUSED = {
    "a pixel": encoded(plain((1, 1))),
    "a line of 40,000": encoded(plain((40_000, 1))),
    "a column of 40,000": encoded(plain((1, 40_000))),
    "a bomb": bomb(),
    "half a png": cut_off("PNG"),
    "half a jpeg": cut_off("JPEG"),
    "half a webp": cut_off("WEBP"),
    "a gif": encoded(plain(), "GIF"),
    "a tiff": encoded(plain(), "TIFF"),
}
TAKEN = {
    "animated png": (animated("PNG"), RED, RED),
    "animated webp": (animated("WEBP"), RED, RED),
    "cmyk jpeg": (encoded(plain().convert("CMYK"), "JPEG", quality=100, subsampling=0), RED, RED),
    "16 bits": (encoded(gray(0x8000)), (128,) * 3, (128,) * 3),
    "1 bit": (encoded(plain(mode="1", colour=1)), (255,) * 3, (255,) * 3),
    "palette with transparency": (encoded(with_clear_half(), transparency=1), RED, None),
    "gray with alpha": (encoded(plain(mode="LA", colour=(90, 255))), (90,) * 3, (90,) * 3),
}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    return every_kind_catalog(tmp_path)


async def task_of(catalog: Catalog, name: str, image: str, mask: Image.Image | None = None) -> Any:
    given = {"$PICTURE": encoded(plain()), "$MASK": encoded(mask or plain(mode="L", colour=255))}
    body = {key: given.get(str(value), value) for key, value in BODIES[name].items()} | {"image": image}
    return (await asked_for(catalog, body, NOWHERE)).task


@pytest.mark.anyio
@pytest.mark.parametrize("bad", REFUSED)
@pytest.mark.parametrize("name", BODIES)
async def test_a_bad_picture_is_refused_by_field_whatever_was_to_be_done(catalog: Catalog, name: str, bad: str) -> None:
    with pytest.raises(ImageInvalid) as refusal:
        await task_of(catalog, name, REFUSED[bad])
    assert refusal.value.field == "image"


@pytest.mark.anyio
@pytest.mark.parametrize("odd", TAKEN)
@pytest.mark.parametrize("name", BODIES)
async def test_an_odd_picture_is_what_it_looks_like(catalog: Catalog, name: str, odd: str) -> None:
    text, left, right = TAKEN[odd]
    image: Raster = (await task_of(catalog, name, text)).image
    channels = len(image.pixels) // (image.width * image.height)
    last = image.pixels[63 * channels : 64 * channels]
    assert tuple(image.pixels[:3]) == pytest.approx(left, abs=6)
    if right is not None:
        assert tuple(last[:3]) == pytest.approx(right, abs=6)
    else:  # what is clear stays so, or lies on white where a picture is drawn
        assert last[3] == 0 if channels == 4 else tuple(last) == (255, 255, 255)


@pytest.mark.anyio
@pytest.mark.parametrize("mask", [plain((32, 64), "L", 255), plain(mode="L", colour=0)], ids=["another size", "empty"])
async def test_a_mask_that_cannot_be_meant_is_refused(catalog: Catalog, mask: Image.Image) -> None:
    with pytest.raises(TaskRefused) as refusal:
        await task_of(catalog, "inpaint", encoded(plain()), mask)
    assert refusal.value.field == "mask"


@pytest.mark.anyio
async def test_a_full_mask_draws_all_of_the_picture_anew(catalog: Catalog) -> None:
    task = await task_of(catalog, "inpaint", encoded(plain()))
    assert isinstance(task, Inpaint)
    assert set(task.mask.pixels) == {255}


READERS: tuple[Callable[[str, str], Awaitable[Any]], ...] = (
    decode.mask, decode.picture_with_words, decode.picture_with_metadata,
)  # fmt: skip


@pytest.fixture(scope="session")
def files(pillow_images: Path) -> list[Path]:
    return sorted(path for path in pillow_images.rglob("*") if path.is_file())


@pytest.mark.anyio
@pytest.mark.parametrize("read", READERS, ids=lambda read: read.__name__)
async def test_every_picture_that_pillow_is_tested_with_is_taken_or_refused(
    files: list[Path], read: Callable[[str, str], Awaitable[Any]]
) -> None:
    """Broken ones are among them, and all that ever made Pillow raise something unusual: nothing else is raised."""
    taken = 0
    for file in files:
        try:
            found = await read(base64.b64encode(file.read_bytes()).decode(), "image")
        except ImageInvalid:
            continue
        raster = found[0] if isinstance(found, tuple) else found
        channels = {1} if read is decode.mask else {3, 4}
        assert len(raster.pixels) / (raster.width * raster.height) in channels, file.name
        taken += 1
    assert taken > 100
