"""Stored images: right in every format, found by their owner alone, gone when their time is over."""

import io
import os
from pathlib import Path

import pytest
from PIL import Image as Pillow

from pipelines.tasks import Picture
from server.errors import ImageUnknown
from server.images import Encoding, Format, Images, encode

pytestmark = pytest.mark.anyio
RED = (220, 40, 40)
PICTURE = Picture(48, 32, bytes(RED) * 48 * 32, seed=1, rendered=(48, 32), model="flat")
TTL = 100.0


class Clock:
    """A time that stands still until it is moved; it starts at the file system's now."""

    def __init__(self, folder: Path) -> None:
        self.now = folder.stat().st_mtime

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    return Clock(tmp_path)


@pytest.fixture
def images(tmp_path: Path, clock: Clock) -> Images:
    return Images(tmp_path / "images", TTL, clock)


@pytest.mark.parametrize("format_", ["png", "jpeg", "webp"])
async def test_a_file_shows_the_picture(images: Images, format_: Format) -> None:
    image = await images.save(PICTURE, "admin", Encoding(format_))
    shown = Pillow.open(io.BytesIO(await images.read(image)))
    assert shown.format == format_.upper()
    assert shown.size == (48, 32)
    colour = shown.convert("RGB").getpixel((20, 20))
    assert isinstance(colour, tuple)
    assert all(abs(seen - drawn) <= 3 for seen, drawn in zip(colour, RED, strict=True))


async def test_png_keeps_every_bit(tmp_path: Path) -> None:
    noise = Picture(64, 64, os.urandom(64 * 64 * 3), seed=1, rendered=(64, 64), model="flat")
    assert Pillow.open(io.BytesIO(encode(noise, Encoding("png")))).tobytes() == noise.pixels


async def test_less_quality_is_less_to_store() -> None:
    noise = Picture(64, 64, os.urandom(64 * 64 * 3), seed=1, rendered=(64, 64), model="flat")
    assert len(encode(noise, Encoding("jpeg", 10))) < len(encode(noise, Encoding("jpeg", 90)))


async def test_an_image_is_its_owner_s_alone(images: Images) -> None:
    image = await images.save(PICTURE, "admin", Encoding())
    assert images.find("admin", image.id) == image
    with pytest.raises(ImageUnknown):
        images.find("somebody", image.id)


async def test_a_link_is_unlike_the_id_and_has_256_random_bits(images: Images) -> None:
    image = await images.save(PICTURE, "admin", Encoding())
    link = images.publish(image)
    assert images.find_link(link).id == image.id
    assert image.id.removeprefix("image_") not in link
    assert len(link.removesuffix(".png")) == 43, "32 bytes in base64"
    with pytest.raises(ImageUnknown):
        images.find_link(image.id)


async def test_images_and_links_end(images: Images, clock: Clock) -> None:
    image = await images.save(PICTURE, "admin", Encoding())
    link = images.publish(image)
    clock.now += TTL
    with pytest.raises(ImageUnknown):
        images.find("admin", image.id)
    with pytest.raises(ImageUnknown):
        images.find_link(link)


async def test_sweeping_removes_what_has_ended_and_nothing_else(images: Images, clock: Clock, tmp_path: Path) -> None:
    old = await images.save(PICTURE, "admin", Encoding())
    (tmp_path / "images" / "image_of-an-earlier-process.png").write_bytes(b"")
    clock.now += TTL + 10
    new = await images.save(PICTURE, "admin", Encoding())
    os.utime(tmp_path / "images" / f"{new.id}.png", (clock.now, clock.now))
    await images.sweep()
    assert [file.stem for file in (tmp_path / "images").iterdir()] == [new.id]
    with pytest.raises(ImageUnknown):
        images.find("admin", old.id)


async def test_a_deleted_image_is_gone_with_its_link(images: Images, tmp_path: Path) -> None:
    image = await images.save(PICTURE, "admin", Encoding())
    link = images.publish(image)
    await images.delete(image)
    assert not list((tmp_path / "images").iterdir())
    with pytest.raises(ImageUnknown):
        images.find_link(link)


async def test_a_file_that_somebody_removed_is_an_unknown_image(images: Images, tmp_path: Path) -> None:
    image = await images.save(PICTURE, "admin", Encoding())
    (tmp_path / "images" / f"{image.id}.png").unlink()
    with pytest.raises(ImageUnknown):
        await images.read(image)
