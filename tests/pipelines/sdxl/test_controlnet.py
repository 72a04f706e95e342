"""ControlNets in shared ticks: only the rows that they steer feel them, and files that do not fit are refused."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers.hooks import HookRegistry
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor

from pipelines.canvas import raster_of
from pipelines.catalog import Catalog
from pipelines.demo.draw import shape_mask
from pipelines.engine.rows import Rows
from pipelines.errors import OutOfMemory, WeightsRefused
from pipelines.registry import Registry
from pipelines.sdxl.control_files import check_fits, load_controlnet
from pipelines.sdxl.controlnet import layer_weights
from pipelines.sdxl.model import Inputs
from pipelines.tasks import Control, Drawing, Inpaint, Task, TextToImage
from tests.pipelines.controlnets import random_controlnet, save_controlnet
from tests.pipelines.engine.company import farthest
from tests.pipelines.sdxl.together import drafts, drawn, given_to_the_unet

CPU = torch.device("cpu")
SHAPE = raster_of(shape_mask("heart", 64, 64, (32, 32), 20))
EDGES = Control("edges", SHAPE, "canny")
DEPTHS = Control("depths", SHAPE, "none", weight=0.7)
LONG = "a blue ring, " + "very " * 40 + "small"


@pytest.fixture
def nets(catalog: Catalog, registry: Registry) -> Registry:
    """The registry, with two ControlNets for the tiny model in the models folder."""
    for seed, name in enumerate(("edges", "depths")):
        net = random_controlnet(registry.sdxl("tiny").unet, seed)
        save_controlnet(net, catalog.models_folder / "controlnet" / f"{name}.safetensors")
    catalog.rescan()
    return registry


def task(*controls: Control, **said: Any) -> TextToImage:
    usual: dict[str, Any] = {"prompt": "a star", "negative_prompt": "", "width": 64, "height": 64, "steps": 3}
    usual |= {"guidance_scale": 4.0, "sampler": "euler", "seed": 1}
    return TextToImage(model="tiny", controls=controls, **usual | said)


def inside_a_mask(*controls: Control) -> Inpaint:
    middle = Image.new("L", (64, 64))
    middle.paste(255, (24, 24, 40, 40))
    said = {name: getattr(task(*controls), name) for name in Drawing.__dataclass_fields__}
    return Inpaint(**said, image=SHAPE_IN_RGB, mask=raster_of(middle), strength=1.0, only_masked=True, padding=4)


SHAPE_IN_RGB = raster_of(shape_mask("heart", 64, 64, (32, 32), 20).convert("RGB"))
COMPANY: list[Task] = [
    task(),
    task(EDGES, seed=2),
    task(EDGES, DEPTHS, seed=3, steps=4),
    task(EDGES, replace(EDGES, weight=0.3, mode="prompt"), DEPTHS, seed=4),
    task(replace(DEPTHS, mode="control"), seed=5, guidance_interval=(0.0, 0.5)),
    task(replace(EDGES, start=0.3, end=0.7), seed=6, prompt=LONG, negative_prompt="red"),
    task(DEPTHS, seed=7, count=2, guidance_scale=1.0),
    task(seed=8, prompt=LONG),
    inside_a_mask(EDGES),
]


@pytest.mark.parametrize(
    ("rows", "levels"), [(Rows(), 1), (Rows(most=6, deterministic=True), 0)], ids=["usual", "to the bit"]
)
def test_a_controlled_picture_does_not_depend_on_its_neighbours_nor_they_on_it(
    catalog: Catalog, nets: Registry, rows: Rows, levels: int
) -> None:
    together = drawn(catalog, nets, COMPANY, rows)
    alone = [drawn(catalog, nets, [each], rows)[0] for each in COMPANY]
    for ours, theirs in zip(together, alone, strict=True):
        assert max(map(farthest, ours, theirs)) <= levels
    assert farthest(together[1][0], drawn(catalog, nets, [task(seed=2)], rows)[0][0]) > 10  # it does follow


def test_uncontrolled_neighbours_are_moved_as_without_controls(catalog: Catalog, nets: Registry) -> None:
    pipeline, (free, other, alone) = drafts(catalog, nets, task(seed=9), task(EDGES), task(seed=9))
    pipeline.tick([free, other], None)
    pipeline.tick([alone], None)
    assert (free.latent - alone.latent).abs().max() <= 1e-6 * alone.latent.abs().max()


@pytest.fixture
def given(nets: Registry) -> Iterator[list[Inputs]]:
    with given_to_the_unet(nets) as calls:
        yield calls


@pytest.mark.parametrize(
    "control",
    [replace(EDGES, start=0.5), replace(EDGES, weight=0.0)],
    ids=["not yet its turn", "without weight"],
)
def test_a_tick_that_nothing_controls_is_the_plain_call(
    catalog: Catalog, nets: Registry, given: list[Inputs], control: Control
) -> None:
    pipeline, made = drafts(catalog, nets, task(control), task())
    pipeline.tick(made, None)
    assert [inputs.residuals for inputs in given] == [None]


def test_rows_are_controlled_one_by_one(catalog: Catalog, nets: Registry, given: list[Inputs]) -> None:
    pipeline, made = drafts(catalog, nets, task(), task(EDGES), task(replace(EDGES, mode="control")))
    pipeline.tick(made, None)
    (inputs,) = given
    assert inputs.residuals is not None
    for layer in inputs.residuals:  # three positive rows, then three negative ones
        felt = [bool(row.any()) for row in layer]
        assert felt == [False, True, True, False, True, False]


def rows_seen(registry: Registry, name: str) -> list[int]:
    seen: list[int] = []
    (net,) = registry.controlnets([name], registry.sdxl("tiny"))
    net.register_forward_pre_hook(lambda _, inputs: seen.append(len(inputs[0])))
    return seen


@pytest.mark.parametrize(
    ("tasks", "rows"),
    [
        ([task(EDGES), task(EDGES, seed=2), task()], [4]),
        ([task(EDGES, guidance_scale=1.0), task(replace(EDGES, mode="control"))], [2]),
        ([task(EDGES, DEPTHS), task(DEPTHS, EDGES)], [4]),
        ([task(EDGES, replace(EDGES, weight=0.5))], [2, 2]),
        ([task(EDGES), task(EDGES, prompt=LONG)], [3, 1]),
        ([task(), task(DEPTHS)], []),
    ],
    ids=["drafts share it", "rows that are not its own", "in any order", "twice", "longer prompts", "no one's"],
)
def test_a_controlnet_runs_once_for_all_its_rows_and_for_no_others(
    catalog: Catalog, nets: Registry, tasks: list[Task], rows: list[int]
) -> None:
    seen = rows_seen(nets, "edges")
    pipeline, made = drafts(catalog, nets, *tasks)
    pipeline.tick(made, None)
    assert seen == rows


def test_numbers_of_rows_are_filled_up_for_controlnets_too(catalog: Catalog, nets: Registry) -> None:
    seen = rows_seen(nets, "edges")
    pipeline, made = drafts(catalog, nets, task(EDGES, seed=2), task(EDGES, seed=3), task())
    _, (alone, *_) = drafts(catalog, nets, task(EDGES, seed=2))
    pipeline.tick(made, lambda rows: max(rows, 8))
    pipeline.tick([alone], lambda rows: max(rows, 8))
    assert seen == [8, 8]
    assert torch.equal(made[0].latent, alone.latent)


def test_the_modes_weigh_the_layers() -> None:
    assert layer_weights("balanced", 4) == [1, 1, 1, 1]
    assert layer_weights("prompt", 4) == pytest.approx([0.825**3, 0.825**2, 0.825, 1])
    assert layer_weights("control", 3) == pytest.approx([0.1, 0.1**0.5, 1])


def test_a_picture_shows_the_whole_where_only_a_part_is_drawn(catalog: Catalog, nets: Registry) -> None:
    """The middle is drawn, so its control is the middle of the control's picture, enlarged: the inside of a heart."""
    whole = task(replace(EDGES, annotator="none"))
    _, (part, all_of_it) = drafts(catalog, nets, inside_a_mask(*whole.controls), whole)
    bright = [draft.controls[0].hint.mean().item() for draft in (part, all_of_it)]
    assert bright[0] > 1.5 * bright[1]


def test_a_folder_and_a_file_of_the_same_controlnet_are_the_same(nets: Registry, tmp_path: Path) -> None:
    unet = nets.sdxl("tiny").unet
    net = random_controlnet(unet, 5)
    save_controlnet(net, tmp_path / "net.safetensors")
    net.save_pretrained(tmp_path / "plain")
    net.save_pretrained(tmp_path / "half", variant="fp16")
    for place in ("net.safetensors", "plain", "half"):
        found = load_controlnet(tmp_path / place, unet, CPU, torch.float32)
        check_fits(found, unet)
        assert found.state_dict().keys() == net.state_dict().keys()
        for name, tensor in net.state_dict().items():
            assert torch.equal(found.state_dict()[name], tensor), f"{place}: {name}"


def holed(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    del weights["controlnet_mid_block.bias"]
    return weights


def of_another_size(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return weights | {"mid_block.resnets.0.conv1.weight": torch.zeros(8, 8, 3, 3)}


def with_more(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return weights | {"task_embedding": torch.zeros(6, 8)}  # as a ControlNet for many kinds of control has it


@pytest.mark.parametrize("spoilt", [holed, of_another_size, with_more])
@pytest.mark.parametrize("in_folder", [False, True], ids=["file", "folder"])
def test_what_does_not_fit_is_refused(
    nets: Registry, tmp_path: Path, spoilt: Callable[[dict[str, Tensor]], dict[str, Tensor]], in_folder: bool
) -> None:
    unet = nets.sdxl("tiny").unet
    folder = tmp_path / "net"
    random_controlnet(unet, 5).save_pretrained(folder)
    file = folder / "diffusion_pytorch_model.safetensors"
    save_file(spoilt(load_file(file)), file)
    with pytest.raises(WeightsRefused, match="not whole, or made for another") as raised:
        load_controlnet(folder if in_folder else file, unet, CPU, torch.float32)
    assert raised.value.field == "controls"


def test_a_controlnet_for_another_unet_is_refused(nets: Registry) -> None:
    unet = nets.sdxl("tiny").unet
    narrow = {"block_out_channels": (16, 32, 40), "cross_attention_dim": unet.config.cross_attention_dim}
    other = type(unet).from_config(unet.config, **narrow)
    with pytest.raises(WeightsRefused):
        check_fits(random_controlnet(other, 1), unet)


def bytes_of(*modules: torch.nn.Module) -> int:
    return sum(parameter.numel() * 4 for module in modules for parameter in module.parameters())


def test_controlnets_are_shared_counted_and_forgotten_like_models(catalog: Catalog, nets: Registry) -> None:
    model = nets.sdxl("tiny")
    (net,) = nets.controlnets(["edges"], model)
    assert nets.controlnets(["edges", "edges"], model) == [net, net]
    assert nets.loaded() == ("tiny", "edges")
    parts = bytes_of(model.unet, model.vae, model.text_encoder, model.text_encoder_2)
    small = Registry(catalog, CPU, torch.float32, parts + bytes_of(net))
    small.controlnets(["edges"], small.sdxl("tiny"))
    small.controlnets(["depths"], small.sdxl("tiny"))
    assert small.loaded() == ("tiny", "depths")
    with pytest.raises(OutOfMemory):
        small.controlnets(["edges", "depths"], small.sdxl("tiny"))
    nets.unload_idle(0)
    assert nets.loaded() == ()


def test_a_model_that_is_streamed_takes_no_room_from_controlnets(catalog: Catalog, nets: Registry) -> None:
    (net,) = nets.controlnets(["edges"], nets.sdxl("tiny"))
    registry = Registry(catalog, CPU, torch.float32, None)
    model = registry.sdxl("tiny")
    registry._budget = bytes_of(model.vae, net)
    with pytest.raises(OutOfMemory):
        registry.controlnets(["edges"], model)
    for part in (model.unet, model.text_encoder, model.text_encoder_2):
        HookRegistry.check_if_exists_or_initialize(part)  # as what streams it does first; that itself needs CUDA
    registry.controlnets(["edges"], model)
    assert registry.loaded() == ("tiny", "edges")
