"""Image prompts in shared ticks: only the rows that have some see them, and files that do not fit are refused."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor

from pipelines.canvas import raster_of
from pipelines.catalog import Catalog
from pipelines.engine.rows import Rows
from pipelines.errors import WeightsRefused
from pipelines.registry import Registry
from pipelines.sdxl.attention import PictureAttention, cross_attentions, let_look
from pipelines.sdxl.compiled import compiler, shape_of
from pipelines.sdxl.ip_adapter import Pooled
from pipelines.sdxl.ip_files import adapter_and_encoder, check_fits, load_ip_adapter
from pipelines.sdxl.model import Inputs
from pipelines.tasks import Control, Drawing, ImagePrompt, ImageToImage, Inpaint, Lora, Task, TextToImage
from tests.pipelines.conftest import WIDTHS, Write
from tests.pipelines.controlnets import random_controlnet, save_controlnet
from tests.pipelines.engine.company import farthest
from tests.pipelines.ip_adapters import EMBEDDING, FILES, QUERIES, entry, save_ip_adapter
from tests.pipelines.sdxl.together import drafts, drawn, given_to_the_unet

CPU = torch.device("cpu")
RED, GREEN = (raster_of(Image.new("RGB", (40, 64), colour)) for colour in ("red", "green"))
LIKE_RED, LIKE_GREEN = ImagePrompt("plain", (RED,)), ImagePrompt("plus", (GREEN,), 0.6)
BOTH = ImagePrompt("plain", (RED, GREEN), 0.8)
LONG = "a blue ring, " + "very " * 40 + "small"


@pytest.fixture
def catalog(tiny_folder: Path, tmp_path: Path, catalogued: Write) -> Catalog:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "tiny").symlink_to(tiny_folder)
    return catalogued({}, entry("plain"), entry("plus"))


@pytest.fixture
def adapters(catalog: Catalog, registry: Registry) -> Registry:
    """The registry, with an IP-Adapter of each kind for the tiny model in the models folder, and a ControlNet."""
    unet = registry.sdxl("tiny").unet
    for seed, name in enumerate(("plain", "plus")):
        (catalog.models_folder / name).mkdir()
        save_ip_adapter(catalog.models_folder / name, unet, seed, plus=name == "plus")
    save_controlnet(random_controlnet(unet, 3), catalog.models_folder / "controlnet" / "edges.safetensors")
    catalog.rescan()
    return registry


def said(*prompts: ImagePrompt, **changes: Any) -> dict[str, Any]:
    usual: dict[str, Any] = {"prompt": "a star", "negative_prompt": "", "width": 64, "height": 64, "steps": 3}
    usual |= {"guidance_scale": 4.0, "sampler": "euler", "seed": 1}
    return {"model": "tiny", "image_prompts": prompts} | usual | changes


def task(*prompts: ImagePrompt, **changes: Any) -> TextToImage:
    return TextToImage(**said(*prompts, **changes))


def inside_a_mask(*prompts: ImagePrompt) -> Inpaint:
    middle = Image.new("L", (40, 64))
    middle.paste(255, (16, 24, 32, 48))
    return Inpaint(**said(*prompts), image=GREEN, mask=raster_of(middle), strength=1.0)


COMPANY: list[Task] = [
    task(),
    task(LIKE_RED, seed=2),
    task(replace(LIKE_RED, scale=0.3), seed=2),
    task(LIKE_RED, LIKE_GREEN, seed=3, steps=4),
    task(LIKE_RED, replace(BOTH, scale=0.2), replace(LIKE_RED, images=(GREEN,)), seed=4),
    task(LIKE_GREEN, seed=5, guidance_interval=(0.0, 0.5)),
    task(replace(BOTH, start=0.3, end=0.7), seed=6, prompt=LONG, negative_prompt="red"),
    task(BOTH, seed=7, count=2, guidance_scale=1.0),
    task(seed=8, prompt=LONG),
    task(LIKE_RED, seed=9, controls=(Control("edges", RED, "canny"),)),
    ImageToImage(**said(LIKE_GREEN, seed=10), image=RED, strength=0.7),
    inside_a_mask(LIKE_RED),
]


@pytest.mark.parametrize(
    ("rows", "levels"), [(Rows(), 1), (Rows(most=6, deterministic=True), 0)], ids=["usual", "to the bit"]
)
def test_a_picture_drawn_like_another_does_not_depend_on_its_neighbours_nor_they_on_it(
    catalog: Catalog, adapters: Registry, rows: Rows, levels: int
) -> None:
    together = drawn(catalog, adapters, COMPANY, rows)
    alone = [drawn(catalog, adapters, [each], rows)[0] for each in COMPANY]
    for ours, theirs in zip(together, alone, strict=True):
        assert max(map(farthest, ours, theirs)) <= levels
    free = drawn(catalog, adapters, [task(seed=2)], rows)[0][0]
    assert farthest(together[1][0], free) > farthest(together[2][0], free) > 1  # by the scale


def test_a_neighbour_without_pictures_is_moved_to_the_bit_as_without_theirs(
    catalog: Catalog, adapters: Registry
) -> None:
    """Beside one that has none: as many rows in both passes."""
    pipeline, (free, other, alone, plain) = drafts(
        catalog, adapters, task(seed=9), task(LIKE_RED, LIKE_GREEN), task(seed=9), task()
    )
    pipeline.tick([free, other], None)
    pipeline.tick([alone, plain], None)
    assert torch.equal(free.latent, alone.latent)
    assert not torch.equal(other.latent, plain.latent)


@pytest.fixture
def given(adapters: Registry) -> Iterator[list[Inputs]]:
    with given_to_the_unet(adapters) as calls:
        yield calls


@pytest.mark.parametrize(
    "prompt", [replace(LIKE_RED, start=0.5), replace(LIKE_RED, scale=0.0)], ids=["not yet its turn", "without scale"]
)
def test_a_tick_that_looks_at_nothing_is_the_plain_call(
    catalog: Catalog, adapters: Registry, given: list[Inputs], prompt: ImagePrompt
) -> None:
    pipeline, made = drafts(catalog, adapters, task(prompt), task())
    pipeline.tick(made, None)
    assert [inputs.pictures for inputs in given] == [None]


@pytest.mark.parametrize(
    ("tasks", "looks"),
    [
        ([task(LIKE_RED), task()], [(4, [1, 0, 1, 0])]),
        ([task(), task(replace(LIKE_RED, scale=0.5))], [(4, [0, 0.5, 0, 0.5])]),
        ([task(LIKE_RED, guidance_scale=1.0), task(LIKE_RED)], [(4, [1, 1, 1])]),
        ([task(BOTH), task(LIKE_GREEN)], [(QUERIES, [0, 0.6, 0, 0.6]), (8, [0.8, 0, 0.8, 0])]),
        ([task(LIKE_GREEN, LIKE_RED, LIKE_RED)], [(4, [1, 1]), (4, [1, 1]), (QUERIES, [0.6, 0.6])]),
    ],
    ids=["beside one that has none", "by its scale", "unguided", "by their tokens", "several of one"],
)
def test_rows_look_by_their_own_scales_together_where_tokens_are_as_many(
    catalog: Catalog,
    adapters: Registry,
    given: list[Inputs],
    tasks: list[Drawing],
    looks: list[Any],
) -> None:
    """Scales of the positive rows, then of the negative ones."""
    pipeline, made = drafts(catalog, adapters, *tasks)
    pipeline.tick(made, None)
    (inputs,) = given
    assert inputs.pictures is not None
    found = [(each.keys.shape[1], each.scale.tolist()) for each in inputs.pictures]
    assert [tokens for tokens, _ in found] == [tokens for tokens, _ in looks]
    for (_, ours), (_, scales) in zip(found, looks, strict=True):
        assert ours == pytest.approx(scales)


def test_an_adapter_that_says_so_moves_the_pooled_vector_of_its_own_prompts_alone(
    catalog: Catalog, adapters: Registry, given: list[Inputs]
) -> None:
    """By the scale, as the mean of its pictures and the sum of several; negative rows and neighbours keep theirs."""
    file = catalog.models_folder / "plain" / FILES[0]
    save_file(load_file(file) | pooled_weights(WIDTHS["text_encoder_2"], 0.5), file)
    pipeline, made = drafts(
        catalog, adapters, task(), task(LIKE_RED), task(replace(BOTH, scale=0.6), replace(LIKE_RED, scale=0.2)),
        task(LIKE_GREEN), task(replace(LIKE_RED, start=0.5)), task(LIKE_RED, prompt="[a star:a ring:0.4]"),
    )  # fmt: skip
    plain = made[0].positive[0].pooled
    ring = drafts(catalog, adapters, task(prompt="a ring"))[1][0].positive[0].pooled
    pipeline.tick(made, None)
    (inputs,) = given
    positive, negative = inputs.pooled[:6], inputs.pooled[6:]
    moved = (positive - plain).mean(1).tolist()
    assert moved == pytest.approx([0, 0.5, 0.5 * (0.6 + 0.2), 0, 0, 0.5], abs=1e-5)
    assert all(torch.equal(row, negative[0]) for row in negative)
    late, edited = ([step.pooled for step in made[index].positive] for index in (4, 5))
    assert [(step - plain).mean().item() for step in late] == pytest.approx([0, 0, 0.5], abs=1e-5)
    assert (edited[-1] - ring).mean().item() == pytest.approx(0.5, abs=1e-5)


def test_a_lora_is_worn_beside_a_picture(catalog: Catalog, adapters: Registry) -> None:
    name, width = "down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_q", 32
    halves = {"lora_A": torch.randn(2, width), "lora_B": torch.randn(width, 2)}
    (catalog.models_folder / "loras").mkdir()
    file = catalog.models_folder / "loras" / "ink.safetensors"
    save_file({f"unet.{name}.{half}.weight": each for half, each in halves.items()}, file)
    catalog.rescan()
    ink = (Lora("ink"),)
    tasks: list[Task] = [task(LIKE_RED), task(LIKE_RED, loras=ink), task(loras=ink), task()]
    pictures = [made[0] for made in drawn(catalog, adapters, tasks, Rows())]
    assert len({picture.pixels for picture in pictures}) == 4


def test_an_inpaint_unet_looks_too(catalog: Catalog, adapters: Registry) -> None:
    """Of nine channels, the first four being those of the tiny model's."""
    model = adapters.sdxl("tiny")
    unet = type(model.unet).from_config(model.unet.config, in_channels=9).eval()
    let_look(unet)
    inpainting = replace(model, unet=unet, answer=replace(model.answer, unet=unet))  # type: ignore[type-var]
    adapters._models["tiny"] = inpainting
    pipeline, (free, like) = drafts(catalog, adapters, inside_a_mask(), inside_a_mask(LIKE_RED))
    assert free.seen is not None
    pipeline.tick([free, like], None)
    assert not torch.equal(free.latent, like.latent)


def test_kernels_are_compiled_for_each_number_of_tokens(
    catalog: Catalog, adapters: Registry, given: list[Inputs]
) -> None:
    for prompts in ((), (LIKE_RED,), (BOTH,), (LIKE_RED, LIKE_GREEN)):
        pipeline, made = drafts(catalog, adapters, task(*prompts))
        pipeline.tick(made, None)
    assert len({shape_of(inputs) for inputs in given}) == 4
    assert shape_of(given[1]) == shape_of(given[1]._replace(latents=given[0].latents))


@pytest.mark.full  # as long as compiling the UNet takes
@torch.inference_mode()
def test_a_compiled_unet_looks_at_the_same(catalog: Catalog, adapters: Registry, given: list[Inputs]) -> None:
    pipeline, made = drafts(catalog, adapters, task(LIKE_RED), task())
    pipeline.tick(made, None)
    compiled = compiler(adapters.sdxl("tiny").unet, backend="eager")(given[0])
    plain = adapters.sdxl("tiny").answer(given[0])
    assert (compiled(given[0]) - plain).abs().max() < 1e-4


def test_a_unet_is_taught_to_look_once(registry: Registry) -> None:
    unet = registry.sdxl("tiny").unet
    processors = [attention.processor for attention in cross_attentions(unet)]
    let_look(unet)
    assert [attention.processor for attention in cross_attentions(unet)] == processors
    assert not any(isinstance(each.plain, PictureAttention) for each in processors)
    others = [each for name, each in unet.attn_processors.items() if ".attn1." in name]
    assert not any(isinstance(each, PictureAttention) for each in others)


def test_adapters_are_shared_counted_and_forgotten_like_models(catalog: Catalog, adapters: Registry) -> None:
    model = adapters.sdxl("tiny")
    (adapter,) = adapters.ip_adapters(["plain"], model)
    assert adapters.ip_adapters(["plain", "plain"], model) == [adapter, adapter]
    assert adapters.loaded() == ("tiny", "plain")
    parts = (model.unet, model.vae, model.text_encoder, model.text_encoder_2, adapter)
    budget = sum(parameter.numel() * 4 for part in parts for parameter in part.parameters())
    small = Registry(catalog, CPU, torch.float32, budget)
    small.ip_adapters(["plain"], small.sdxl("tiny"))
    assert small.loaded() == ("tiny", "plain")
    adapters.unload_idle(0)
    assert adapters.loaded() == ()


def pooled_weights(width: int, added: float) -> dict[str, Tensor]:
    """Of layers that add so much to every number, whatever they see and hear."""
    layers = Pooled(EMBEDDING, 3, width)
    layers.added.weight.data.zero_()
    layers.added.bias.data.fill_(added)
    return {f"pooled_proj.{name}": weight for name, weight in layers.state_dict().items()}


def holed(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    del weights["ip_adapter.3.to_v_ip.weight"]
    return weights


def of_another_size(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return weights | {"ip_adapter.1.to_k_ip.weight": torch.zeros(8, 8)}


def for_faces(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    width = len(weights["image_proj.norm.bias"])
    del weights["image_proj.proj.weight"], weights["image_proj.proj.bias"]
    layers = {"proj.0": (24, 24), "proj.2": (4 * width, 24)}
    sizes = {f"{name}.{part}": shape for name, whole in layers.items() for part, shape in _both(whole).items()}
    return weights | {f"image_proj.{name}": torch.zeros(shape) for name, shape in sizes.items()}


def _both(shape: tuple[int, int]) -> dict[str, tuple[int, ...]]:
    return {"weight": shape, "bias": shape[:1]}


def for_another_encoder(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return weights | {"image_proj.proj.weight": torch.zeros(len(weights["image_proj.proj.bias"]), 40)}


def for_another_pooled_vector(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return weights | pooled_weights(7, 0.0)


@pytest.mark.parametrize("spoilt", [holed, of_another_size, for_faces, for_another_encoder, for_another_pooled_vector])
def test_what_does_not_fit_is_refused(
    registry: Registry, tmp_path: Path, spoilt: Callable[[dict[str, Tensor]], dict[str, Tensor]]
) -> None:
    unet = registry.sdxl("tiny").unet
    save_ip_adapter(tmp_path, unet, 5)
    file = tmp_path / FILES[0]
    save_file(spoilt(load_file(file)), file)
    with pytest.raises(WeightsRefused, match="not whole, or made for another") as raised:
        load_ip_adapter(file, tmp_path / "image_encoder", unet, CPU, torch.float32)
    assert raised.value.field == "image_prompts"


def test_an_adapter_for_another_unet_is_refused(registry: Registry, tmp_path: Path) -> None:
    unet = registry.sdxl("tiny").unet
    save_ip_adapter(tmp_path, unet, 5)
    adapter = load_ip_adapter(tmp_path / FILES[0], tmp_path / "image_encoder", unet, CPU, torch.float32)
    other = type(unet).from_config(unet.config, block_out_channels=(16, 32, 40))
    with pytest.raises(WeightsRefused):
        check_fits(adapter, other)


@pytest.mark.parametrize(
    "names",
    [("adapter.safetensors",), ("adapter.safetensors", "config.json"), ("image_encoder/config.json",)],
    ids=["no encoder", "in one folder", "no adapter"],
)
def test_an_entry_names_an_adapter_and_its_encoder(names: tuple[str, ...]) -> None:
    whole = adapter_and_encoder([Path("ip") / name for name in FILES])
    assert whole == (Path("ip/adapter.safetensors"), Path("ip/image_encoder"))
    with pytest.raises(WeightsRefused, match="image encoder in another folder"):
        adapter_and_encoder([Path("ip") / name for name in names])
