"""A face is found where it is, two are two, and what is no face is none."""

from pathlib import Path
from random import Random

import numpy as np
import pytest
from PIL import Image

from pipelines.demo.draw import draw_scene
from pipelines.demo.world import random_scene
from pipelines.errors import WeightsRefused
from pipelines.faces.detection import SIDE, HaarDetector, YunetDetector, load_detector
from tests.pipelines.faces.tiny_yunet import bright_spots
from tests.pipelines.matting.tiny_networks import channel_network

HAAR = HaarDetector()


@pytest.fixture
def portrait(pillow_images: Path) -> Image.Image:
    """Grace Hopper, 128 x 128; her face is about 55 pixels wide, and a little above the middle."""
    return Image.open(pillow_images / "hopper.png").convert("RGB")


def beside(*pictures: Image.Image) -> Image.Image:
    return Image.fromarray(np.concatenate([np.asarray(picture) for picture in pictures], axis=1))


def test_one_face_counts_one_and_is_where_it_is(portrait: Image.Image) -> None:
    (face,) = HAAR.faces(portrait)
    left, top, right, bottom = face.box
    assert ((left + right) / 2, (top + bottom) / 2) == pytest.approx((63, 49), abs=8)
    assert right - left == pytest.approx(55, abs=12)
    assert face.score is None


def test_two_faces_side_by_side_count_two(portrait: Image.Image) -> None:
    boxes = sorted(face.box for face in HAAR.faces(beside(portrait, portrait)))
    assert len(boxes) == 2
    assert boxes[0][2] <= 128 <= boxes[1][0]


def test_the_largest_face_comes_first(portrait: Image.Image) -> None:
    small = Image.new("RGB", (128, 128), "white")
    small.paste(portrait.resize((80, 80)), (20, 20))
    large, little = HAAR.faces(beside(small, portrait))
    assert large.box[0] > 128 > little.box[2]


def test_boxes_in_a_large_picture_are_in_its_own_pixels(portrait: Image.Image) -> None:
    enlarged = portrait.resize((3 * SIDE, 3 * SIDE), Image.Resampling.BICUBIC)
    (face,) = HAAR.faces(enlarged)
    assert (face.box[0] + face.box[2]) / 2 == pytest.approx(3 * SIDE * 63 / 128, rel=0.1)


@pytest.mark.parametrize("seed", range(12))
def test_a_picture_of_shapes_has_no_face(seed: int) -> None:
    scene = random_scene(Random(seed), held_out=True, pair=seed % 3 == 0)
    assert HAAR.faces(draw_scene(scene, 128, 128, Random(seed))) == ()


@pytest.mark.parametrize(
    "size", [(1, 1), (40_000, 1), (1, 700), (23, 500), (300, 200)],
    ids=["a pixel", "a line", "a column", "thin", "even"],
)  # fmt: skip
@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "P"])
def test_a_picture_without_anything_has_no_face(size: tuple[int, int], mode: str, tmp_path: Path) -> None:
    picture = Image.new("RGB", size, (200, 170, 150)).convert(mode)
    assert HAAR.faces(picture) == ()
    assert YunetDetector(bright_spots(tmp_path)).faces(Image.new(mode, size)) == ()


def test_without_a_file_the_cascade_looks() -> None:
    assert isinstance(load_detector(None), HaarDetector)


@pytest.mark.parametrize("scale", [1, 10], ids=["as it is", "larger than it is looked at"])
def test_a_file_of_yunet_is_asked_instead_and_says_how_sure_it_is(scale: int, tmp_path: Path) -> None:
    """This one takes bright spots of 32 pixels for faces."""
    picture = Image.new("RGB", (256, 192))
    picture.paste((255, 255, 255), (96, 64, 128, 96))
    looked_at = picture.resize((256 * scale, 192 * scale), Image.Resampling.NEAREST)
    faces = load_detector(bright_spots(tmp_path)).faces(looked_at)
    shrink = max(1.0, 256 * scale / SIDE)
    spots = np.array([face.box for face in faces]) / scale
    assert len(faces) >= 1
    assert all(face.score is not None and face.score > 0.9 for face in faces)
    assert (spots[:, :2] >= [96 - 40 * shrink / scale, 64 - 40 * shrink / scale]).all()
    assert (spots[:, 2:] <= [128 + 40 * shrink / scale, 96 + 40 * shrink / scale]).all()


@pytest.mark.parametrize("content", [b"", b"no network", None], ids=["empty", "text", "another network"])
def test_a_file_that_is_no_yunet_is_refused(content: bytes | None, tmp_path: Path) -> None:
    file = channel_network(tmp_path)
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(WeightsRefused) as refusal:
        load_detector(file)
    assert refusal.value.field == "model"
