"""What comes back from the canvas: every pixel that was not to change, and the drawn part in its place."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from pipelines.canvas import Canvas, blur_fill, canvas_of, picture_of, raster_of
from pipelines.sizes import SizePlan, finish, spread
from pipelines.tasks import ImageToImage, Inpaint, Outpaint

RED, GREEN, BLUE = (220, 40, 40), (40, 170, 70), (40, 80, 220)
DRAWING = {
    "model": "any",
    "prompt": "",
    "negative_prompt": "",
    "steps": 4,
    "guidance_scale": 1.0,
    "sampler": "euler",
    "seed": 1,
}


def noisy(width: int, height: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(3).integers(0, 256, (height, width, 3), dtype=np.uint8))


def white_box(size: tuple[int, int], box: tuple[int, int, int, int]) -> Image.Image:
    mask = Image.new("L", size)
    mask.paste(255, box)
    return mask


def plain_size(width: int, height: int) -> SizePlan:
    return SizePlan(width, height, width, height)


def inpaint(picture: Image.Image, mask: Image.Image, size: SizePlan, **said: object) -> Canvas:
    given = {**DRAWING, "width": size.width, "height": size.height, "strength": 1.0, **said}
    return canvas_of(Inpaint(image=raster_of(picture), mask=raster_of(mask), **given), size)  # type: ignore[arg-type]


def unlike(one: Image.Image, other: Image.Image) -> np.ndarray:
    """Where two pictures differ, as a (height, width) array of bools."""
    return (np.asarray(one) != np.asarray(other)).any(axis=-1)


def test_colours_that_are_kept_are_where_they_were() -> None:
    size = plain_size(64, 32)
    task = ImageToImage(
        **DRAWING,
        width=64,
        height=32,
        image=raster_of(Image.new("RGB", (64, 32), RED)),
        strength=0.5,
        keep_colours=True,
    )
    red, green, blue = canvas_of(task, size).finish(Image.new("RGB", (64, 32), BLUE)).getpixel((9, 9))  # type: ignore[misc]
    assert red > 2 * green
    assert red > 2 * blue


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_raster_comes_back_as_the_picture_that_it_was(mode: str) -> None:
    picture = noisy(5, 3).convert(mode)
    assert np.array_equal(np.asarray(picture_of(raster_of(picture))), np.asarray(picture))


@pytest.mark.parametrize(
    "size",
    [SizePlan(100, 60, 104, 64), SizePlan(96, 96, 96, 96), SizePlan(640, 320, 160, 80), SizePlan(100, 50, 160, 96)],
    ids=["cut", "as it is", "enlarged", "with margins"],
)
def test_what_is_spread_for_the_model_comes_back_in_its_place(size: SizePlan) -> None:
    picture = Image.new("RGB", (size.width, size.height), BLUE)
    ImageDraw.Draw(picture).rectangle((0, 0, size.width // 2 - 1, size.height), fill=RED)
    drawn = spread(picture, size)
    back = np.asarray(finish(drawn, size)).astype(int)
    assert drawn.size == (size.render_width, size.render_height)
    far = np.abs(np.arange(size.width) - size.width // 2) > 10  # of the edge, which resampling softens
    assert (np.abs(back - np.asarray(picture).astype(int)).max(axis=(0, 2))[far] <= 3).all()


@pytest.mark.parametrize(("fit", "left", "middle"), [("crop", RED, RED), ("stretch", GREEN, RED), ("pad", GREEN, RED)])
def test_an_image_of_another_aspect_is_cropped_stretched_or_padded(fit: str, left: object, middle: object) -> None:
    wide = Image.new("RGB", (192, 64), RED)
    wide.paste(GREEN, (0, 0, 48, 64))
    wide.paste(GREEN, (144, 0, 192, 64))
    task = ImageToImage(**DRAWING, width=64, height=64, image=raster_of(wide), strength=0.5, fit=fit)  # type: ignore[arg-type]
    start = canvas_of(task, plain_size(64, 64)).start
    assert start is not None
    assert start.getpixel((2, 32)) == left
    assert start.getpixel((32, 32)) == middle


@pytest.mark.parametrize("fit", ["crop", "stretch", "pad"])
def test_a_hair_thin_picture_fits_too(fit: str) -> None:
    task = ImageToImage(
        **DRAWING, width=64, height=64, image=raster_of(Image.new("RGB", (8192, 8), RED)), strength=0.5, fit=fit
    )  # type: ignore[arg-type]
    start = canvas_of(task, plain_size(64, 64)).start
    assert start is not None
    assert start.getpixel((32, 32)) == RED


@pytest.mark.parametrize(("blur", "reach"), [(0, 0), (4, 8)])
def test_outside_the_mask_every_pixel_stays(blur: int, reach: int) -> None:
    picture, box = noisy(96, 64), (32, 16, 64, 48)
    canvas = inpaint(picture, white_box(picture.size, box), plain_size(96, 64), mask_blur=blur)
    changed = unlike(canvas.finish(Image.new("RGB", (96, 64), GREEN)), picture)
    left, top, right, bottom = box[0] - reach, box[1] - reach, box[2] + reach, box[3] + reach
    assert changed[24:40, 40:56].all()
    changed[top:bottom, left:right] = False
    assert not changed.any()


def test_with_only_masked_the_surroundings_of_the_mask_are_drawn_large_and_put_back() -> None:
    picture, box = noisy(400, 300), (180, 130, 220, 170)
    canvas = inpaint(picture, white_box(picture.size, box), plain_size(128, 128), only_masked=True, padding=10)
    assert canvas.frame is not None
    assert canvas.frame.box == (170, 120, 230, 180)
    assert canvas.repaint is not None
    assert canvas.repaint.getbbox() == pytest.approx((21, 21, 107, 107), abs=6)  # 40 of 60 pixels, drawn as 128
    result = canvas.finish(Image.new("RGB", (128, 128), GREEN))
    changed = unlike(result, picture)
    assert result.size == picture.size
    assert changed[130:170, 180:220].mean() > 0.99
    assert changed.sum() == changed[130:170, 180:220].sum()


def test_only_masked_keeps_the_aspect_and_stays_inside_the_picture() -> None:
    picture = noisy(400, 100)
    canvas = inpaint(picture, white_box(picture.size, (380, 10, 400, 90)), plain_size(128, 64), only_masked=True)
    assert canvas.frame is not None
    assert canvas.frame.box == (200, 0, 400, 100)


def test_the_blur_fill_brings_the_colours_of_the_surroundings_into_the_mask() -> None:
    picture = Image.new("RGB", (96, 96), BLUE)
    picture.paste(RED, (32, 32, 64, 64))
    filled = blur_fill(picture, white_box(picture.size, (32, 32, 64, 64)))
    assert filled.getpixel((48, 48)) == pytest.approx(BLUE, abs=10)
    assert not unlike(filled, picture)[:32].any()


@pytest.mark.parametrize("side", ["left", "top", "right", "bottom"])
def test_outpainting_draws_beyond_one_side_and_keeps_the_picture(side: str) -> None:
    picture = noisy(64, 64)
    sides = {"left": 0, "top": 0, "right": 0, "bottom": 0, side: 32}
    width, height = 64 + sides["left"] + sides["right"], 64 + sides["top"] + sides["bottom"]
    task = Outpaint(**DRAWING, width=width, height=height, image=raster_of(picture), **sides)  # type: ignore[arg-type]
    canvas = canvas_of(task, plain_size(width, height))
    result = canvas.finish(Image.new("RGB", (width, height), GREEN))
    old = (sides["left"], sides["top"], sides["left"] + 64, sides["top"] + 64)
    assert not unlike(result.crop(old), picture).any()
    result.paste(GREEN, old)
    assert result.getcolors() == [(width * height, GREEN)]


def test_a_feather_fades_the_new_part_into_the_picture_on_that_side_only() -> None:
    picture = Image.new("RGB", (64, 64), RED)
    task = Outpaint(
        **DRAWING, width=96, height=64, image=raster_of(picture), left=0, top=0, right=32, bottom=0, feather=16
    )  # type: ignore[arg-type]
    result = canvas_of(task, plain_size(96, 64)).finish(Image.new("RGB", (96, 64), BLUE))
    blueness = np.asarray(result)[32, :, 2].astype(int)
    assert (blueness[:48] == RED[2]).all()
    assert (np.diff(blueness[48:64]) > 0).all()
    assert (blueness[64:] == BLUE[2]).all()
