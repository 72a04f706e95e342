"""Stored images: right in every format, found by their owner alone, gone when their time is over."""

import io
import os
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image as Pillow

from pipelines.tasks import Picture
from server.errors import ImageUnknown
from server.images import YOUNG_SECONDS, Encoding, Format, Image, Images, encode
from server.store import images as rows
from server.store.blobs import FolderBlobs
from server.store.database import Database
from server.store.migrate import migrate

pytestmark = pytest.mark.anyio
RED = (220, 40, 40)
PICTURE = Picture(48, 32, bytes(RED) * 48 * 32, seed=1, rendered=(48, 32), model="flat")
BLUE = Picture(48, 32, bytes((0, 0, 200)) * 48 * 32, seed=2, rendered=(48, 32), model="flat")
PNG = Encoding()
TTL, PURGE = 100.0, 50.0


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
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'darkroom.db'}")
    migrate(database)
    yield database
    database.close()


@pytest.fixture
def images(tmp_path: Path, database: Database, clock: Clock) -> Images:
    return Images(database, FolderBlobs(tmp_path / "blobs"), TTL, PURGE, clock)


Save = Callable[..., Awaitable[Image]]


@pytest.fixture
def save(images: Images, database: Database) -> Save:
    """As the runner does: the file, then the row."""

    async def store(encoding: Encoding = PNG, picture: Picture = PICTURE) -> Image:
        image = await images.store(picture, "admin", encoding)
        await database.write(rows.add, None, [image])
        return image

    return store


def files(tmp_path: Path) -> list[Path]:
    return list((tmp_path / "blobs").glob("??/??/*"))


def age(tmp_path: Path, clock: Clock) -> None:
    """Every file was written long before the clock's now."""
    for file in files(tmp_path):
        os.utime(file, (clock.now - YOUNG_SECONDS - 1,) * 2)


@pytest.mark.parametrize("format_", ["png", "jpeg", "webp"])
async def test_a_file_shows_the_picture(images: Images, save: Save, format_: Format) -> None:
    image = await save(Encoding(format_))
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


async def test_an_image_is_its_owner_s_alone(images: Images, save: Save) -> None:
    image = await save()
    assert await images.find("admin", image.id) == image
    with pytest.raises(ImageUnknown):
        await images.find("somebody", image.id)


async def test_a_link_is_unlike_the_id_and_has_256_random_bits(images: Images, save: Save) -> None:
    image = await save()
    link = await images.publish(image)
    assert (await images.find_link(link)).id == image.id
    assert image.id.removeprefix("image_") not in link
    assert len(link.removesuffix(".png")) == 43, "32 bytes in base64"
    with pytest.raises(ImageUnknown):
        await images.find_link(image.id)


async def test_images_and_links_end(images: Images, save: Save, clock: Clock) -> None:
    image = await save()
    link = await images.publish(image)
    clock.now += TTL
    with pytest.raises(ImageUnknown):
        await images.find("admin", image.id)
    with pytest.raises(ImageUnknown):
        await images.find_link(link)


async def test_sweeping_purges_what_ended_long_ago_and_nothing_else(
    images: Images, save: Save, clock: Clock, tmp_path: Path
) -> None:
    await save()
    clock.now += TTL + PURGE - 1
    kept = await save(picture=BLUE)
    age(tmp_path, clock)
    await images.sweep()
    assert len(files(tmp_path)) == 2, "what has ended stays for a while"
    clock.now += 2
    await images.sweep()
    assert [file.name for file in files(tmp_path)] == [kept.blob]
    assert (await images.find("admin", kept.id)).id == kept.id


async def test_a_young_file_stays_although_no_row_refers_to_it(images: Images, clock: Clock, tmp_path: Path) -> None:
    await images.store(PICTURE, "admin", PNG)
    await images.sweep()
    assert len(files(tmp_path)) == 1, "its row may be about to be written"
    age(tmp_path, clock)
    await images.sweep()
    assert not files(tmp_path)


async def test_two_images_of_the_same_bytes_share_a_file_and_lose_it_together(
    images: Images, save: Save, clock: Clock, tmp_path: Path
) -> None:
    one, other = await save(), await save()
    await images.delete(one, for_good=True)
    age(tmp_path, clock)
    await images.sweep()
    assert await images.read(other)
    await images.delete(other, for_good=True)
    await images.sweep()
    assert not files(tmp_path)


@pytest.mark.parametrize("for_good", [False, True])
async def test_a_deleted_image_is_gone_with_its_link(images: Images, save: Save, for_good: bool) -> None:
    image = await save()
    link = await images.publish(image)
    await images.delete(image, for_good=for_good)
    with pytest.raises(ImageUnknown):
        await images.find("admin", image.id)
    with pytest.raises(ImageUnknown):
        await images.find_link(link)


async def test_images_and_links_survive_the_process(
    images: Images, save: Save, database: Database, clock: Clock, tmp_path: Path
) -> None:
    image = await save()
    link = await images.publish(image)
    database.close()
    reopened = Database(database.url)
    migrate(reopened)
    later = Images(reopened, FolderBlobs(tmp_path / "blobs"), TTL, PURGE, clock)
    assert await later.read(await later.find_link(link)) == await images.read(image)
    reopened.close()


async def test_a_file_that_somebody_removed_is_an_unknown_image(images: Images, save: Save, tmp_path: Path) -> None:
    image = await save()
    files(tmp_path)[0].unlink()
    with pytest.raises(ImageUnknown):
        await images.read(image)
