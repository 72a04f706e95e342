"""A file in so many bytes and no more."""

import io
from random import Random

import pytest
from PIL import Image

from pipelines.errors import TaskRefused
from server.encoding import within

SIDE = 200
NOISE = Image.frombytes("RGB", (SIDE, SIDE), Random(1).randbytes(3 * SIDE * SIDE))
NOISE.putalpha(Image.linear_gradient("L").resize(NOISE.size))


def file_of(format_: str, picture: Image.Image = NOISE) -> bytes:
    file = io.BytesIO()
    picture.convert("RGB" if format_ == "JPEG" else "RGBA").save(file, format_, quality=95)
    return file.getvalue()


def test_a_file_that_is_small_enough_stays_as_it_is() -> None:
    file = file_of("PNG")
    assert within(file, len(file)) is file


@pytest.mark.parametrize(("format_", "share"), [("PNG", 0.3), ("JPEG", 0.5), ("WEBP", 0.5)])
def test_a_file_that_is_too_large_is_made_smaller_in_its_format(format_: str, share: float) -> None:
    file = file_of(format_)
    smaller = within(file, int(share * len(file)))
    assert len(smaller) <= share * len(file)
    with Image.open(io.BytesIO(smaller)) as picture:
        assert (picture.format, picture.size) == (format_, NOISE.size)
        assert picture.has_transparency_data is (format_ != "JPEG")


@pytest.mark.parametrize("format_", ["PNG", "JPEG", "WEBP"])
def test_what_cannot_be_made_as_small_is_refused(format_: str) -> None:
    with pytest.raises(TaskRefused):
        within(file_of(format_), 100)
