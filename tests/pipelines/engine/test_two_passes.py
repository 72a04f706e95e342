"""What a second pass says for itself: the same as its parts asked for one after the other."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from pipelines.catalog import Catalog
from pipelines.engine.protocol import Finished, Progressed
from pipelines.errors import DarkroomError, ModelUnknown, TaskRefused
from pipelines.planning import image_to_image, restore_faces, text_to_image, upscale
from pipelines.registry import Registry
from pipelines.tasks import Face, FirstPass, Picture, Raster, RestoredFaces, SecondPass, Task
from pipelines.tools import Tools
from tests.pipelines.conftest import Write, save_tiny_sdxl
from tests.pipelines.engine.company import Listening
from tests.pipelines.faces.tiny_restorer import restoreformer_weights
from tests.pipelines.tiny_upscalers import repeating_network

TOOL = {"defaults": None, "native_sizes": [], "direct": None}
TOOLS = {
    "enlarger": ("upscaler", "enlarger.safetensors"),
    "restorer": ("face-restorer", "restorer.safetensors"),
}
SAID: dict[str, Any] = {"model": "tiny", "prompt": "a [b:c:1.5]", "seed": 3, "steps": 4}


@pytest.fixture
def furnished(tiny_folder: Path, tmp_path: Path, catalogued: Write) -> Catalog:
    """Of the tiny model, another one like it, an upscaler, and a face restorer."""
    models = tmp_path / "models"
    for name in TOOLS:
        (models / name).mkdir(parents=True)
    (models / "tiny").symlink_to(tiny_folder)
    save_tiny_sdxl(models / "other", seed=1)
    save_file(repeating_network(), models / "enlarger" / "enlarger.safetensors")
    save_file(restoreformer_weights(), models / "restorer" / "restorer.safetensors")
    tools = [TOOL | {"id": name, "kind": kind, "files": [{"path": file}]} for name, (kind, file) in TOOLS.items()]
    return catalogued({}, {"id": "other"}, *tools)


@pytest.fixture
def listening(furnished: Catalog) -> Listening:
    return Listening(furnished, Registry(furnished, torch.device("cpu"), torch.float32, None))


class Middle:
    """Takes the middle of every picture for a face."""

    def faces(self, image: Image.Image) -> tuple[Face, ...]:
        return (Face((image.width // 4, image.height // 4, image.width * 3 // 4, image.height * 3 // 4), None),)


def finished(listening: Listening, task: Task) -> Finished:
    listening.told.clear()
    listening.engine.submit("job", task)
    listening.turn_until_idle()
    last = listening.of("job")[-1]
    assert isinstance(last, Finished), last
    return last


def drawn(listening: Listening, task: Task) -> Picture:
    (picture,) = finished(listening, task).pictures
    return picture


def raster(picture: Picture) -> Raster:
    return Raster(picture.width, picture.height, picture.pixels)


def test_a_second_pass_draws_as_it_says_itself(listening: Listening, furnished: Catalog) -> None:
    second = SecondPass("other", "d [e:f:1.5]", "g", "Euler a", 2.5, (), "enlarger")
    task = text_to_image(furnished, **SAID, width=128, height=96, first_pass=FirstPass(64, 48, 3, 0.5, second))
    whole = drawn(listening, task)
    small = drawn(listening, text_to_image(furnished, **SAID | {"steps": 3, "prompt": "a b"}, width=64, height=48))
    large = upscale(furnished, image=raster(small), model="enlarger", width=128, height=96)
    over = image_to_image(
        furnished, model="other", prompt="d [e:f:0.5]", negative_prompt="g", sampler="euler_a", guidance_scale=2.5,
        seed=3, steps=4, strength=0.5, image=raster(drawn(listening, large)),
    )  # fmt: skip
    assert whole == drawn(listening, over)
    assert whole.model == "other"


def test_all_its_calls_are_counted(listening: Listening, furnished: Catalog) -> None:
    passes = FirstPass(64, 48, 3, 0.5, SecondPass(upscaler="enlarger"))
    finished(listening, text_to_image(furnished, **SAID, width=128, height=96, first_pass=passes))
    told = [event for event in listening.of("job") if isinstance(event, Progressed)]
    assert [event.step for event in told] == list(range(1, told[0].steps + 1))


def test_the_faces_of_the_finished_picture_are_restored(
    listening: Listening, furnished: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Tools, "face_detector", lambda _: Middle())  # the tiny model draws no faces
    plain = text_to_image(furnished, **SAID, width=96, height=96, first_pass=FirstPass(64, 64, 2, 0.5))
    before = drawn(listening, plain)
    told = finished(listening, restore_faces(furnished, image=raster(before)))
    assert isinstance(told.facts, RestoredFaces)
    assert told.facts.restored
    after = drawn(listening, replace(plain, face_restorer="restorer"))
    assert after == replace(before, pixels=told.pictures[0].pixels)


@pytest.mark.parametrize(
    ("second", "error", "field"),
    [
        (SecondPass(model="nobody"), ModelUnknown, "model"),
        (SecondPass(model="enlarger"), TaskRefused, "model"),
        (SecondPass(upscaler="nobody"), ModelUnknown, "model"),
        (SecondPass(sampler="nobody"), TaskRefused, "sampler"),
        (SecondPass(guidance_scale=0.5), TaskRefused, "guidance_scale"),
        (SecondPass(prompt="a" * 4001), TaskRefused, "prompt"),
        (SecondPass(prompt="<lora:nobody:1>"), ModelUnknown, "loras"),
    ],
    ids=lambda value: None,
)
def test_what_a_second_pass_cannot_have_is_refused(
    furnished: Catalog, second: SecondPass, error: type[DarkroomError], field: str
) -> None:
    with pytest.raises(error) as refusal:
        text_to_image(furnished, **SAID, first_pass=FirstPass(64, 64, 3, 0.5, second))
    assert refusal.value.field == field
