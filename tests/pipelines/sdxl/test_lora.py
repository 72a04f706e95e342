"""A LoRA adds what its file says, whoever named its keys, and leaves no trace when it is taken off."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch
from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint
from safetensors.torch import save_file
from torch import Tensor, nn

from pipelines.catalog import Catalog
from pipelines.errors import WeightsRefused
from pipelines.planning import text_to_image
from pipelines.registry import Registry
from pipelines.sdxl.lora import PARTS, Update, Wardrobe, read_lora
from pipelines.sdxl.lora_names import original_name
from pipelines.tasks import Lora, TextToImage
from pipelines.tuning import Tuning
from tests.pipelines.conftest import Write
from tests.pipelines.engine.company import Listening, farthest

RANK = 2
QUERY = "down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q"
CONV = "down_blocks.1.resnets.0.conv1"
TEXT = "encoder.layers.0.self_attn.q_proj"
OUT = "down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_out"
Parts = Mapping[str, nn.Module]


@pytest.fixture
def parts(registry: Registry) -> Parts:
    model = registry.sdxl("tiny")
    return {part: getattr(model, part) for part in PARTS}


def layer(parts: Parts, part: str, name: str) -> nn.Module:
    """The text encoders' names have a prefix in some versions of transformers."""
    modules = dict(parts[part].named_modules())
    return modules.get(name) or modules[f"text_model.{name}"]


def halves(module: nn.Module, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Random down and up for the weight of a linear layer or a convolution."""
    generator = torch.Generator().manual_seed(seed)
    outputs, *inputs = module.weight.shape  # type: ignore[union-attr,misc]
    down = torch.randn(RANK, *inputs, generator=generator)
    return down, torch.randn(outputs, RANK, *[1] * (len(inputs) - 1), generator=generator)


def flat(name: str) -> str:
    return name.replace(".", "_")


def saved(path: Path, tensors: Mapping[str, Tensor]) -> Path:
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path)
    return path


@pytest.mark.parametrize(
    ("stem", "roles", "part", "name"),
    [
        (f"unet.{QUERY}", "lora_A lora_B", "unet", QUERY),
        (f"unet.{QUERY}", "lora.down lora.up", "unet", QUERY),
        (f"unet.{OUT}", "lora_A lora_B", "unet", f"{OUT}.0"),
        (f"lora_unet_{flat(QUERY)}", "lora_down lora_up", "unet", QUERY),
        ("lora_unet_input_blocks_3_1_transformer_blocks_0_attn1_to_q", "lora_down lora_up", "unet", QUERY),
        ("lora_unet_input_blocks_3_0_in_layers_2", "lora_down lora_up", "unet", CONV),
        (f"text_encoder.text_model.{TEXT}", "lora_A lora_B", "text_encoder", TEXT),
        (f"lora_te1_text_model_{flat(TEXT)}", "lora_down lora_up", "text_encoder", TEXT),
        (f"lora_te2_text_model_{flat(TEXT)}", "lora_down lora_up", "text_encoder_2", TEXT),
    ],
    ids=["peft", "older diffusers", "without the list's index", "kohya", "kohya, original blocks",
         "kohya, a convolution", "peft, text", "kohya, first text encoder", "kohya, second text encoder"],
)  # fmt: skip
def test_every_naming_adds_scale_times_alpha_by_rank(
    parts: Parts, tmp_path: Path, stem: str, roles: str, part: str, name: str
) -> None:
    module, (down_role, up_role) = layer(parts, part, name), roles.split()
    down, up = halves(module)
    tensors = {f"{stem}.{down_role}.weight": down, f"{stem}.{up_role}.weight": up, f"{stem}.alpha": torch.tensor(1.0)}
    file = saved(tmp_path / "lora.safetensors", tensors)
    bare = module.weight.detach().clone()  # type: ignore[union-attr,operator]
    Wardrobe().wear(parts, [("lora", 0.5, read_lora(file, parts))])
    added = (up.flatten(1) @ down.flatten(1)).view(bare.shape)
    assert torch.allclose(module.weight, bare + 0.5 * 1.0 / RANK * added, atol=1e-5)  # type: ignore[arg-type]


def test_without_an_alpha_the_product_counts_whole(parts: Parts, tmp_path: Path) -> None:
    down, up = halves(layer(parts, "unet", QUERY))
    file = saved(tmp_path / "x.safetensors", {f"unet.{QUERY}.lora_A.weight": down, f"unet.{QUERY}.lora_B.weight": up})
    (update,) = read_lora(file, parts)
    assert torch.allclose(update.of(layer(parts, "unet", QUERY).weight), up @ down)  # type: ignore[arg-type]


def test_original_names_are_those_that_diffusers_converts_from(parts: Parts) -> None:
    unet = parts["unet"]
    layers = {name: layer for name, layer in unet.named_modules() if isinstance(layer, nn.Linear | nn.Conv2d)}
    weights, biases = (
        {f"model.diffusion_model.{original_name(name, unet)}.{kind}": tensor for name, layer in layers.items()  # type: ignore[arg-type]
         if (tensor := getattr(layer, kind)) is not None}
        for kind in ("weight", "bias")
    )  # fmt: skip
    assert len(weights) == len(layers)
    converted = convert_ldm_unet_checkpoint(weights | biases, unet.config)
    assert [name for name, layer in layers.items() if converted.get(f"{name}.weight") is not layer.weight] == []


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16], ids=str)
def test_after_twenty_swaps_the_weights_are_bit_for_bit_what_they_were(parts: Parts, dtype: torch.dtype) -> None:
    for part in parts.values():
        part.to(dtype)
    before = {part: {key: value.clone() for key, value in parts[part].state_dict().items()} for part in PARTS}
    outfits = {}
    for seed, names in enumerate([(QUERY, CONV), (QUERY,)]):
        updates = [Update("unet", name, *halves(layer(parts, "unet", name), seed), alpha=1.0) for name in names]
        outfits[seed] = (f"lora-{seed}", 0.3 + seed, updates)
    wardrobe = Wardrobe()
    for swap in range(20):
        wardrobe.wear(parts, [outfits[swap % 2]] if swap % 3 else [outfits[0], outfits[1]])
        assert not torch.equal(parts["unet"].state_dict()[f"{QUERY}.weight"], before["unet"][f"{QUERY}.weight"])
    wardrobe.wear(parts, [])
    for part in PARTS:
        for key, value in parts[part].state_dict().items():
            assert torch.equal(value, before[part][key]), key


def test_a_change_that_memory_ends_half_way_leaves_no_trace_either(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {key: value.clone() for key, value in parts["unet"].state_dict().items()}
    updates = [Update("unet", name, *halves(layer(parts, "unet", name)), alpha=1.0) for name in (QUERY, CONV)]
    add, wardrobe = Update.of, Wardrobe()

    def of(update: Update, weight: Tensor) -> Tensor:
        if update.module == CONV:
            raise torch.OutOfMemoryError("no room")
        return add(update, weight)

    with monkeypatch.context() as full:
        full.setattr(Update, "of", of)
        with pytest.raises(torch.OutOfMemoryError):
            wardrobe.wear(parts, [("lora", 1.0, updates)])
    wardrobe.wear(parts, [])
    assert all(torch.equal(value, before[key]) for key, value in parts["unet"].state_dict().items())
    wardrobe.wear(parts, [("lora", 1.0, updates)])
    for name in (QUERY, CONV):
        assert not torch.equal(parts["unet"].state_dict()[f"{name}.weight"], before[f"{name}.weight"])


def unknown_names(module: nn.Module) -> dict[str, Tensor]:
    down, up = halves(module)
    return {"lora_unet_double_blocks_0_img_attn_qkv.lora_down.weight": down, "lora_unet_x.lora_up.weight": up}


def one_half(module: nn.Module) -> dict[str, Tensor]:
    return {f"unet.{QUERY}.lora_A.weight": halves(module)[0]}


def wrong_width(module: nn.Module) -> dict[str, Tensor]:
    down, up = halves(module)
    return {f"unet.{QUERY}.lora_A.weight": down[:, :-1], f"unet.{QUERY}.lora_B.weight": up}


@pytest.mark.parametrize("broken", [unknown_names, one_half, wrong_width])
def test_a_lora_of_another_model_is_refused_with_a_sentence(
    parts: Parts, tmp_path: Path, broken: Callable[[nn.Module], dict[str, Tensor]]
) -> None:
    file = saved(tmp_path / "lora.safetensors", broken(layer(parts, "unet", QUERY)))
    with pytest.raises(WeightsRefused) as refused:
        read_lora(file, parts)
    assert refused.value.field == "loras"
    assert str(tmp_path) not in refused.value.sentence


@pytest.fixture
def dressed(catalogued: Write, catalog: Catalog, tmp_path: Path) -> tuple[Catalog, Registry]:
    """The tiny model, and a LoRA for it by the name of `ink`."""
    folder = tmp_path / "models" / "ink"
    folder.mkdir()
    ink = {"id": "ink", "kind": "lora", "files": [{"path": "ink.safetensors"}]}
    catalog = catalogued({}, ink)
    registry = Registry(catalog, torch.device("cpu"), torch.float32, None)
    unet = registry.sdxl("tiny").unet
    names = [name for name, module in unet.named_modules() if name.endswith(("to_q", "to_v", "conv1"))]
    tensors = {}
    for seed, name in enumerate(names):
        down, up = halves(unet.get_submodule(name), seed)
        tensors |= {f"unet.{name}.lora_A.weight": down, f"unet.{name}.lora_B.weight": up}
    saved(folder / "ink.safetensors", tensors)
    return catalog, registry


def test_pools_with_and_without_a_lora_take_turns_and_do_not_see_each_other(dressed: tuple[Catalog, Registry]) -> None:
    catalog, registry = dressed
    tasks = [
        task(catalog, seed, loras) for seed, loras in enumerate([(), (Lora("ink", 0.4),), (), (Lora("ink", 0.8),)])
    ]
    together, alone = Listening(catalog, registry), Listening(catalog, registry)
    for index, each in enumerate(tasks):
        together.engine.submit(str(index), each)
    together.turn_until_idle()
    for index, each in enumerate(tasks):
        alone.engine.submit(str(index), each)
        alone.turn_until_idle()
        (one,), (other,) = together.pictures(str(index)), alone.pictures(str(index))
        assert farthest(one, other) <= 1
    (worn,), (bare,) = together.pictures("1"), drawn(catalog, registry, task(catalog, tasks[1].seed, ()))
    assert farthest(worn, bare) > 20


def test_a_model_that_leaves_in_a_lora_comes_back_without_it_and_its_rows_keep_it(
    dressed: tuple[Catalog, Registry],
) -> None:
    catalog, registry = dressed
    (worn,) = drawn(catalog, registry, task(catalog, 1, (Lora("ink", 0.8),)))
    (bare,) = drawn(catalog, registry, task(catalog, 1, ()))
    caching = Registry(catalog, torch.device("cpu"), torch.float32, None, Tuning(host_cache=2**30))
    listening = Listening(catalog, caching)
    listening.engine.submit("leaving", task(catalog, 1, (Lora("ink", 0.8),)))
    listening.engine.turn()
    caching.unload("tiny")
    listening.turn_until_idle()
    assert farthest(listening.pictures("leaving")[0], worn) <= 1
    assert farthest(drawn(catalog, caching, task(catalog, 1, ()))[0], bare) <= 1


def task(catalog: Catalog, seed: int, loras: tuple[Lora, ...]) -> TextToImage:
    return text_to_image(
        catalog, model="tiny", prompt="a star", width=64, height=64, steps=3, seed=seed, loras=loras or None
    )


def drawn(catalog: Catalog, registry: Registry, task: TextToImage):  # type: ignore[no-untyped-def]
    listening = Listening(catalog, registry)
    listening.engine.submit("drawn", task)
    listening.turn_until_idle()
    return listening.pictures("drawn")
