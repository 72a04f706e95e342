"""What our PNG writer writes, Pillow reads back to the bit."""

import io

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from pipelines.png import png

SIZES = [(1, 1), (1, 7), (7, 1), (64, 48), (1000, 3)]


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize(("mode", "channels"), [("L", 1), ("RGB", 3), ("RGBA", 4)])
def test_every_bit_comes_back(size: tuple[int, int], mode: str, channels: int) -> None:
    levels = np.random.default_rng(1).integers(0, 256, (size[1], size[0], channels), np.uint8)
    image = Image.frombytes(mode, size, levels.tobytes())
    with Image.open(io.BytesIO(png(image))) as read:
        read.load()
        assert (read.mode, read.size, read.tobytes()) == (mode, size, image.tobytes())


def test_texts_come_back() -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("parameters", "a red star\nSteps: 20")
    info.add_itxt("darkroom", '{"prompt": "星"}')
    with Image.open(io.BytesIO(png(Image.new("RGB", (8, 8)), info))) as read:
        assert read.info == {"parameters": "a red star\nSteps: 20", "darkroom": '{"prompt": "星"}'}


def test_a_plain_picture_is_small() -> None:
    assert len(png(Image.new("RGB", (1024, 1024), "red"))) < 30_000


def test_an_array_that_is_no_picture_of_ours_is_refused() -> None:
    with pytest.raises(KeyError):
        png(Image.new("CMYK", (8, 8)))
