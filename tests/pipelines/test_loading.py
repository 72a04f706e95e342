"""A model loads from a folder and from a single checkpoint, to the same tensors, with no network at all."""

import re
import socket
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from pipelines.errors import WeightsRefused
from pipelines.sdxl.loading import CONFIGS, PARTS, load_checkpoint, load_folder, part_dtype
from tests.pipelines.conftest import save_tiny_sdxl

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "tiny"
    save_tiny_sdxl(folder)
    return folder


@pytest.fixture(scope="module")
def checkpoint(folder: Path) -> Path:
    file = folder.parent / "tiny.safetensors"
    save_file(to_original_keys(folder), file)
    return file


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("something looked for a network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.mark.usefixtures("no_network")
def test_a_checkpoint_and_a_folder_of_the_same_model_load_the_same_tensors(folder: Path, checkpoint: Path) -> None:
    ours = load_folder("tiny", folder, CPU, torch.float32)
    theirs = load_checkpoint("tiny", checkpoint, folder, folder, CPU, torch.float32)
    for name in PARTS:
        expected, found = getattr(ours, name).state_dict(), getattr(theirs, name).state_dict()
        assert expected.keys() == found.keys()
        for key, tensor in expected.items():
            assert torch.equal(found[key], tensor), f"{name}.{key}"
    assert theirs.scheduler == ours.scheduler
    assert theirs.tokenizer("a star").input_ids == ours.tokenizer("a star").input_ids


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
def test_half_precision_files_run_in_the_precision_asked_for(folder: Path, dtype: torch.dtype) -> None:
    model = load_folder("tiny", folder, CPU, dtype)
    stored = load_file(folder / "unet" / "diffusion_pytorch_model.safetensors")
    assert {tensor.dtype for tensor in stored.values()} == {torch.float16}
    for name in PARTS:
        part = getattr(model, name)
        assert {parameter.dtype for parameter in part.parameters()} == {dtype}
        assert not part.training
        assert not any(parameter.requires_grad for parameter in part.parameters())
    assert torch.equal(model.unet.conv_in.weight, stored["conv_in.weight"].to(dtype))


def test_a_vae_that_overflows_in_half_precision_runs_in_bfloat16(folder: Path) -> None:
    model = load_folder("tiny", folder, CPU, torch.float16)
    assert (model.unet.dtype, model.vae.dtype) == (torch.float16, torch.bfloat16)


def test_beside_a_gpu_that_only_emulates_bfloat16_it_runs_in_float32(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: including_emulation)
    assert part_dtype(folder / "vae", torch.float16) == torch.float32
    assert part_dtype(folder / "unet", torch.float16) == torch.float16


def test_files_of_the_fp16_variant_load_too(folder: Path, tmp_path: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            target = tmp_path / path.relative_to(folder)
            target.parent.mkdir(exist_ok=True)
            target.with_name(target.name.replace(".safetensors", ".fp16.safetensors")).write_bytes(path.read_bytes())
    plain, variant = (load_folder("tiny", place, CPU, torch.float32) for place in (folder, tmp_path))
    assert torch.equal(plain.unet.conv_out.weight, variant.unet.conv_out.weight)
    assert torch.equal(
        plain.text_encoder.embeddings.token_embedding.weight, variant.text_encoder.embeddings.token_embedding.weight
    )


@pytest.mark.parametrize(
    "missing",
    [
        "model.diffusion_model.out.2.weight",
        "first_stage_model.decoder.conv_out.bias",
        "conditioner.embedders.0.transformer.text_model.final_layer_norm.weight",
        "conditioner.embedders.1.model.ln_final.weight",
    ],
    ids=["unet", "vae", "first text encoder", "second text encoder"],
)
def test_a_checkpoint_that_lacks_weights_is_refused(folder: Path, tmp_path: Path, missing: str) -> None:
    weights = to_original_keys(folder)
    del weights[missing]
    save_file(weights, tmp_path / "holed.safetensors")
    with pytest.raises(WeightsRefused, match="not a whole SDXL model"):
        load_checkpoint("tiny", tmp_path / "holed.safetensors", folder, folder, CPU, torch.float32)


def test_a_folder_that_lacks_weights_is_refused(tmp_path: Path) -> None:
    save_tiny_sdxl(tmp_path)
    file = tmp_path / "unet" / "diffusion_pytorch_model.safetensors"
    weights = load_file(file)
    del weights["conv_out.weight"]
    save_file(weights, file)
    with pytest.raises(WeightsRefused, match="not a whole SDXL model"):
        load_folder("tiny", tmp_path, CPU, torch.float32)


@pytest.mark.parametrize(
    ("part", "millions"),
    [("unet", 2567.463684), ("vae", 83.653863), ("text_encoder", 123.060480), ("text_encoder_2", 694.659840)],
    ids=["unet", "vae", "text encoder", "text encoder 2"],
)
def test_the_configs_that_we_ship_have_the_parameters_of_sdxl(part: str, millions: float) -> None:
    kind = PARTS[part]
    with torch.device("meta"):
        if part.startswith("text_encoder"):
            model = kind(kind.config_class.from_pretrained(CONFIGS / part, local_files_only=True))
        else:
            model = kind.from_config(kind.load_config(CONFIGS / part, local_files_only=True))
    assert sum(parameter.numel() for parameter in model.parameters()) == round(millions * 1e6)


def to_original_keys(folder: Path) -> dict[str, Tensor]:
    """The folder's weights under the keys of Stability AI's generative-models: the way back of what diffusers does."""
    unet, vae = (load_file(folder / part / "diffusion_pytorch_model.safetensors") for part in ("unet", "vae"))
    first, second = (load_file(folder / part / "model.safetensors") for part in ("text_encoder", "text_encoder_2"))
    return {
        **{f"model.diffusion_model.{_unet_key(key)}": tensor for key, tensor in unet.items()},
        **{f"first_stage_model.{_vae_key(key)}": _vae_tensor(key, tensor) for key, tensor in vae.items()},
        **{
            f"conditioner.embedders.0.transformer.text_model.{key.removeprefix('text_model.')}": tensor
            for key, tensor in first.items()
        },
        **{f"conditioner.embedders.1.model.{key}": tensor for key, tensor in _open_clip(second).items()},
    }


def _renamed(key: str, names: Mapping[str, str]) -> str:
    for ours, theirs in names.items():
        key = key.replace(ours, theirs)
    return key


UNET_ENDS = {
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}
UNET_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "time_emb_proj": "emb_layers.1",
    "conv_shortcut": "skip_connection",
}
LAYERS = 1  # layers_per_block of the tiny UNet
SIDES = {"down": ("input_blocks", LAYERS + 1, 1), "up": ("output_blocks", LAYERS + 1, 0)}


def _unet_key(key: str) -> str:
    """A block's resnets and attentions are one numbered list in the original: 0 the resnet, 1 the attention."""
    for ours, theirs in UNET_ENDS.items():
        if key.startswith(f"{ours}."):
            return key.replace(ours, theirs, 1)
    match = re.match(r"(down|up)_blocks\.(\d+)\.(resnets|attentions|downsamplers|upsamplers)\.(\d+)\.(.*)", key)
    if match:
        side, block, part, layer, rest = match.groups()
        name, per_block, first = SIDES[side]
        sampler = part.endswith("samplers")
        number = int(block) * per_block + first + (LAYERS - (side == "up") + (side == "up")) * sampler
        number += 0 if sampler else int(layer)
        if part == "resnets":
            return f"{name}.{number}.0.{_renamed(rest, UNET_RESNET)}"
        if part == "attentions":
            return f"{name}.{number}.1.{rest}"
        return f"{name}.{number}.0.op.{rest.removeprefix('conv.')}" if side == "down" else f"{name}.{number}.2.{rest}"
    part, number, rest = re.fullmatch(r"mid_block\.(resnets|attentions)\.(\d+)\.(.*)", key).groups()  # type: ignore[union-attr]
    if part == "attentions":
        return f"middle_block.1.{rest}"
    return f"middle_block.{2 * int(number)}.{_renamed(rest, UNET_RESNET)}"


VAE_MIDDLE = {"mid_block.resnets.0": "mid.block_1", "mid_block.resnets.1": "mid.block_2"}
VAE_ATTENTION = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}
VAE_LEVELS = 4


def _vae_key(key: str) -> str:
    if ".attentions." in key:
        return _renamed(key.replace("mid_block.attentions.0", "mid.attn_1"), VAE_ATTENTION)
    key = _renamed(key, {**VAE_MIDDLE, "conv_norm_out": "norm_out", "conv_shortcut": "nin_shortcut"})
    key = re.sub(r"down_blocks\.(\d)\.resnets", r"down.\1.block", key)
    key = re.sub(r"down_blocks\.(\d)\.downsamplers\.0", r"down.\1.downsample", key)
    backwards = lambda match: f"up.{VAE_LEVELS - 1 - int(match[1])}."  # noqa: E731
    return _renamed(re.sub(r"up_blocks\.(\d)\.", backwards, key), {"resnets": "block", "upsamplers.0": "upsample"})


def _vae_tensor(key: str, tensor: Tensor) -> Tensor:
    """The original's attention is made of 1x1 convolutions."""
    is_matrix = ".attentions." in key and tensor.ndim == 2
    return tensor[:, :, None, None].contiguous() if is_matrix else tensor


OPEN_CLIP = {
    "text_model.embeddings.position_embedding.weight": "positional_embedding",
    "text_model.embeddings.token_embedding.weight": "token_embedding.weight",
    "text_model.final_layer_norm": "ln_final",
    "text_model.encoder.layers": "transformer.resblocks",
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "fc1": "c_fc",
    "fc2": "c_proj",
    "self_attn": "attn",
}


def _open_clip(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """OpenCLIP keeps queries, keys and values in one matrix, and its projection the other way round."""
    found = {}
    for key, tensor in weights.items():
        if key == "text_projection.weight":
            found["text_projection"] = tensor.T.contiguous()
        elif match := re.fullmatch(r"(.*self_attn\.)q_proj\.(weight|bias)", key):
            start, kind = match.groups()
            whole = torch.cat([weights[f"{start}{letter}_proj.{kind}"] for letter in "qkv"])
            found[f"{_renamed(start, OPEN_CLIP)}in_proj_{kind}"] = whole
        elif not re.search(r"[kv]_proj\.", key):
            found[_renamed(key, OPEN_CLIP)] = tensor
    return found
