"""Faces are drawn anew and put back where they were; what is not restored is not claimed."""

from pathlib import Path

import pipelines.torchvision_ops  # noqa: F401  # before spandrel

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor

from pipelines.errors import DrawingFailed, WeightsRefused
from pipelines.faces.restoration import Restorer, load_restorer, with_faces_restored
from pipelines.tasks import Face
from tests.pipelines.faces.tiny_restorer import restoreformer_weights
from tests.pipelines.tiny_upscalers import random_network, saved

CPU = torch.device("cpu")
FACE = Face((80, 60, 120, 100), None)


def inverting(faces: Tensor) -> Tensor:
    """A network whose work can be seen."""
    return 1 - faces


INVERTER = Restorer(inverting, CPU, torch.float32)


def gray(width: int = 200, height: int = 160, mode: str = "RGB") -> Image.Image:
    return Image.new("RGB", (width, height), (200, 150, 100)).convert(mode)


def test_without_a_restorer_no_face_is_claimed_and_nothing_changes() -> None:
    picture = gray()
    answer = with_faces_restored(picture, [FACE, FACE], None)
    assert (answer.found, answer.restored) == (2, 0)
    assert answer.picture.tobytes() == picture.tobytes()


def test_without_a_face_nothing_changes() -> None:
    answer = with_faces_restored(gray(), [], INVERTER)
    assert (answer.found, answer.restored) == (0, 0)
    assert answer.picture.tobytes() == gray().tobytes()


def test_what_was_drawn_anew_lies_over_the_face_and_fades_into_the_picture() -> None:
    answer = with_faces_restored(gray(), [FACE], INVERTER)
    pixels = np.asarray(answer.picture).astype(int)
    assert (answer.found, answer.restored) == (1, 1)
    assert np.abs(pixels[62:98, 82:118] - (55, 105, 155)).max() <= 1  # all of the face
    assert np.array_equal(pixels[:, :60], np.asarray(gray())[:, :60])  # beside it
    assert np.array_equal(pixels[120:], np.asarray(gray())[120:])  # below it
    assert np.abs(np.diff(pixels[80], axis=0)).max() < 145 / 2  # no hard edge


def test_strength_is_how_much_of_the_new_face_shows() -> None:
    new, half, none = (np.asarray(with_faces_restored(gray(), [FACE], INVERTER, each).picture) for each in (1, 0.5, 0))
    between = (new.astype(float) + np.asarray(gray())) / 2
    assert half[80, 100] == pytest.approx(between[80, 100], abs=2)
    assert none.tobytes() == gray().tobytes()
    assert with_faces_restored(gray(), [FACE], INVERTER, 0).restored == 0


@pytest.mark.parametrize(
    ("size", "box"),
    [
        pytest.param((200, 160), (0, 0, 40, 40), id="in a corner"),
        pytest.param((200, 160), (170, 130, 200, 160), id="in the other"),
        pytest.param((30, 30), (0, 0, 30, 30), id="all of the picture"),
        pytest.param((1, 1), (0, 0, 1, 1), id="a pixel"),
        pytest.param((4000, 1), (1000, 0, 1030, 1), id="a line"),
    ],
)
def test_a_face_at_the_edge_is_restored_too(size: tuple[int, int], box: tuple[int, int, int, int]) -> None:
    answer = with_faces_restored(gray(*size), [Face(box, 0.9)], INVERTER)
    x, y = (box[0] + box[2] - 1) // 2, (box[1] + box[3] - 1) // 2
    assert answer.picture.size == size
    assert answer.restored == 1
    assert np.abs(np.float32(answer.picture.getpixel((x, y))) - (55, 105, 155)).max() <= 75


def test_several_faces_are_restored_each_in_its_place() -> None:
    faces = [Face((20 + 100 * index, 60, 60 + 100 * index, 100), None) for index in range(5)]
    answer = with_faces_restored(gray(600), faces, INVERTER)
    pixels = np.asarray(answer.picture).astype(int)
    assert answer.restored == 5
    assert all(np.abs(pixels[80, 40 + 100 * index] - (55, 105, 155)).max() <= 1 for index in range(5))
    assert all(np.array_equal(pixels[80, 90 + 100 * index], (200, 150, 100)) for index in range(5))


def test_transparency_stays() -> None:
    picture = gray(mode="RGBA")
    picture.putalpha(Image.linear_gradient("L").resize(picture.size))
    answer = with_faces_restored(picture, [FACE], INVERTER).picture
    assert answer.mode == "RGBA"
    assert answer.getchannel("A").tobytes() == picture.getchannel("A").tobytes()


@pytest.fixture(scope="module")
def restoreformer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved(restoreformer_weights(), tmp_path_factory.mktemp("restorer"))


def test_a_file_of_a_face_restorer_is_found_by_its_weights_and_draws(restoreformer: Path) -> None:
    restorer = load_restorer(restoreformer, CPU, torch.float16)
    assert restorer.dtype == torch.float32
    answer = with_faces_restored(gray(), [FACE], restorer)
    changed = np.asarray(answer.picture) != np.asarray(gray())
    assert answer.restored == 1
    assert changed[62:98, 82:118].any()
    assert not changed[:, :60].any()


def test_a_network_that_does_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsRefused, match="something else"):
        load_restorer(saved(random_network(), tmp_path), CPU, torch.float32)


def test_weights_of_no_known_architecture_are_refused(tmp_path: Path) -> None:
    save_file({"encoder.weight": torch.zeros(2)}, tmp_path / "codeformer.safetensors")
    with pytest.raises(WeightsRefused, match="no architecture"):
        load_restorer(tmp_path / "codeformer.safetensors", CPU, torch.float32)


def test_numbers_that_are_no_picture_are_not_put_into_one() -> None:
    broken = Restorer(lambda faces: faces * torch.nan, CPU, torch.float32)
    with pytest.raises(DrawingFailed):
        with_faces_restored(gray(), [FACE], broken)
