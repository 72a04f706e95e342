"""Faces through the engine: found and counted as they are, restored by a network that is installed, kept in a crop."""

from pathlib import Path

import pipelines.torchvision_ops  # noqa: F401  # before spandrel

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from pipelines.canvas import picture_of, raster_of
from pipelines.catalog import Catalog
from pipelines.engine.protocol import Finished
from pipelines.errors import ModelNotInstalled, TaskRefused
from pipelines.faces.detection import YunetDetector
from pipelines.planning import crop, describe, restore_faces, upscale
from pipelines.registry import Registry
from pipelines.tasks import Description, Raster, RestoredFaces, Task
from tests.pipelines.conftest import Write
from tests.pipelines.engine.company import Listening
from tests.pipelines.faces.tiny_restorer import restoreformer_weights
from tests.pipelines.faces.tiny_yunet import bright_spots

PLAIN = {"defaults": None, "native_sizes": [], "direct": None}
RESTORER = PLAIN | {"id": "restorer", "kind": "face-restorer", "files": [{"path": "restorer.safetensors"}]}
DETECTOR = PLAIN | {"id": "yunet", "kind": "face-detector", "files": [{"path": "face_detection_yunet_2023mar.onnx"}]}
CPU = torch.device("cpu")


@pytest.fixture
def with_restorer(tmp_path: Path, catalogued: Write) -> Catalog:
    folder = tmp_path / "models" / "restorer"
    folder.mkdir(parents=True)
    save_file(restoreformer_weights(), folder / "restorer.safetensors")
    return catalogued({}, RESTORER)


@pytest.fixture
def portrait(pillow_images: Path) -> Image.Image:
    """Grace Hopper, 128 x 128."""
    return Image.open(pillow_images / "hopper.png").convert("RGB")


def two(portrait: Image.Image) -> Raster:
    return raster_of(Image.fromarray(np.concatenate([np.asarray(portrait)] * 2, axis=1)))


def done(catalog: Catalog, task: Task) -> Finished:
    listening = Listening(catalog, Registry(catalog, CPU, torch.float32, None))
    listening.engine.submit("job", task)
    listening.turn_until_idle()
    last = listening.of("job")[-1]
    assert isinstance(last, Finished), last
    return last


def picture(told: Finished) -> Image.Image:
    (only,) = told.pictures
    return picture_of(Raster(only.width, only.height, only.pixels))


def test_two_faces_are_found_and_restored_and_the_facts_say_so(with_restorer: Catalog, portrait: Image.Image) -> None:
    image = two(portrait)
    told = done(with_restorer, restore_faces(with_restorer, image=image))
    assert isinstance(told.facts, RestoredFaces)
    assert (told.facts.found, told.facts.restored, len(told.facts.faces)) == (2, 2, 2)
    changed = (np.asarray(picture(told)) != np.asarray(picture_of(image))).any(axis=2)
    for face in told.facts.faces:
        left, top, right, bottom = face.box
        assert changed[top:bottom, left:right].mean() > 0.9
    assert not changed[120:].any()
    assert told.pictures[0].model == "restorer"


def test_a_picture_without_a_face_stays_as_it_is(with_restorer: Catalog) -> None:
    plain = raster_of(Image.new("RGB", (100, 80), "teal"))
    told = done(with_restorer, restore_faces(with_restorer, image=plain))
    assert told.facts == RestoredFaces((), 0, 0)
    assert told.pictures[0].pixels == plain.pixels


def test_without_a_restorer_nothing_is_claimed(catalog: Catalog, portrait: Image.Image) -> None:
    with pytest.raises(ModelNotInstalled):
        restore_faces(catalog, image=raster_of(portrait))
    enlarged = done(catalog, upscale(catalog, image=two(portrait), mode="fast", factor=2, restore_faces=True))
    alone = done(catalog, upscale(catalog, image=two(portrait), mode="fast", factor=2))
    assert isinstance(enlarged.facts, RestoredFaces)
    assert (enlarged.facts.found, enlarged.facts.restored) == (2, 0)
    assert enlarged.pictures[0].pixels == alone.pictures[0].pixels


def test_an_enlargement_can_end_with_its_faces(with_restorer: Catalog, portrait: Image.Image) -> None:
    task = upscale(with_restorer, image=raster_of(portrait), mode="fast", factor=2, restore_faces=True)
    told = done(with_restorer, task)
    assert isinstance(told.facts, RestoredFaces)
    assert (told.facts.found, told.facts.restored) == (1, 1)
    assert picture(told).size == (256, 256)
    assert told.facts.faces[0].box[2] > 128, "boxes are of the enlarged picture"


@pytest.mark.parametrize("many", [1, 2])
def test_a_description_has_the_boxes_of_the_faces(catalog: Catalog, portrait: Image.Image, many: int) -> None:
    image = raster_of(portrait) if many == 1 else two(portrait)
    facts = done(catalog, describe(catalog, image=image)).facts
    assert isinstance(facts, Description)
    assert len(facts.faces) == many
    middle = sum(facts.faces[0].box[::2]) / 2 % 128
    assert middle == pytest.approx(63, abs=8)


def test_a_smart_crop_keeps_the_face_beside_what_stands_out(catalog: Catalog, portrait: Image.Image) -> None:
    wide = Image.new("RGB", (512, 128), (128, 128, 128))
    wide.paste(Image.effect_noise((128, 128), 250).convert("RGB"), (0, 0))
    wide.paste(portrait, (384, 0))
    task = crop(catalog, image=raster_of(wide), width=128, height=128)
    kept = picture(done(catalog, task))
    facts = done(catalog, describe(catalog, image=raster_of(kept))).facts
    assert isinstance(facts, Description)
    assert len(facts.faces) == 1


def test_an_installed_detector_is_asked_in_place_of_the_cascade(tmp_path: Path, catalogued: Write) -> None:
    (tmp_path / "models" / "yunet").mkdir(parents=True)
    bright_spots(tmp_path / "models" / "yunet")
    catalog = catalogued({}, DETECTOR)
    spot = Image.new("RGB", (128, 96))
    spot.paste((255, 255, 255), (64, 32, 96, 64))
    assert isinstance(Registry(catalog, CPU, torch.float32, None).tools.face_detector(), YunetDetector)
    facts = done(catalog, describe(catalog, image=raster_of(spot))).facts
    assert isinstance(facts, Description)
    assert facts.faces
    assert all(face.score is not None and face.score > 0.9 for face in facts.faces)


@pytest.mark.parametrize("strength", [-0.1, 1.1])
def test_a_strength_out_of_range_is_refused(with_restorer: Catalog, strength: float) -> None:
    with pytest.raises(TaskRefused) as refusal:
        restore_faces(with_restorer, image=raster_of(Image.new("RGB", (64, 64))), strength=strength)
    assert refusal.value.field == "strength"


def test_creative_does_not_restore_faces(with_restorer: Catalog) -> None:
    with pytest.raises(TaskRefused) as refusal:
        upscale(with_restorer, image=Raster(8, 8, bytes(192)), mode="creative", prompt="x", restore_faces=True)
    assert refusal.value.field == "restore_faces"
