"""IP-Adapters from disk: one .safetensors file as their makers publish it, and the folder of its image encoder.

The file's tensors are `image_proj.*`, of a plain or a "plus" projection, and `ip_adapter.1.to_k_ip.weight` and so on,
a pair for each cross attention of the UNet (https://github.com/tencent-ailab/IP-Adapter). One of our own making
may have `pooled_proj.seen`, `.heard` and `.added` beside them: the layers of `Pooled`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pipelines.torchvision_ops  # noqa: F401  # before diffusers

import torch
from diffusers import UNet2DConditionModel
from diffusers.models.embeddings import ImageProjection, IPAdapterPlusImageProjection
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import CLIPVisionModelWithProjection

from pipelines.errors import WeightsRefused
from pipelines.sdxl.attention import widths
from pipelines.sdxl.ip_adapter import IpAdapter, Pooled
from pipelines.sdxl.loading import NOT_WHOLE, weight_file
from pipelines.weights import check_folder, check_safetensors

PROJECTION = "image_proj."
ATTENTION = "ip_adapter."
POOLED = "pooled_proj."


def adapter_and_encoder(files: Sequence[Path]) -> tuple[Path, Path]:
    """Of an entry's files: the adapter's own, and the folder in which the encoder's config.json lies."""
    folders = {file.parent for file in files if file.name == "config.json"}
    own = [file for file in files if file.suffix == ".safetensors" and file.parent not in folders]
    if len(own) != 1 or len(folders) != 1:
        raise WeightsRefused(
            "The entry of an IP-Adapter names one file of its own, and its image encoder in another folder.",
            field="image_prompts",
        )
    return own[0], folders.pop()


def load_ip_adapter(
    file: Path, encoder: Path, unet: UNet2DConditionModel, device: torch.device, dtype: torch.dtype
) -> IpAdapter:
    """The adapter in `file` with the image encoder in the folder `encoder`, in transformers' format.

    Raises WeightsRefused where one is not whole, they do not belong together, or are not for such a UNet.
    """
    try:
        check_safetensors(file)
        weights = load_file(file)
        attention = _attention(weights, unet.config.cross_attention_dim)
        adapter = IpAdapter(_encoder(encoder, dtype), _projection(weights, unet), *attention, _pooled(weights))
        check_fits(adapter, unet)
        side = adapter.encoder.config.image_size
        adapter = adapter.to(device, dtype).eval().requires_grad_(False)
        embedded, _ = adapter.embedded(torch.zeros(1, 3, side, side, device=device, dtype=dtype))
        adapter.shown(embedded)
        if adapter.pooled is not None:
            adapter.pooled(embedded, torch.zeros(1, pooled_width(unet), device=device, dtype=dtype))
    except WeightsRefused as error:
        raise WeightsRefused(error.sentence, field="image_prompts") from error
    except (*NOT_WHOLE, OSError) as error:
        raise _refused() from error
    return adapter


def check_fits(adapter: IpAdapter, unet: UNet2DConditionModel) -> None:
    """Raises WeightsRefused where the adapter was made for another kind of UNet."""
    if adapter.keys.in_features != unet.config.cross_attention_dim or adapter.widths != widths(unet):
        raise _refused()


def pooled_width(unet: UNet2DConditionModel) -> int:
    """Numbers of a pooled vector: what the UNet takes beside six sizes."""
    config = unet.config
    return int(config.projection_class_embeddings_input_dim - 6 * config.addition_time_embed_dim)


def _encoder(folder: Path, dtype: torch.dtype) -> CLIPVisionModelWithProjection:
    check_folder(folder)
    variant = "fp16" if weight_file(folder).stem.endswith(".fp16") else None
    local: dict[str, Any] = {"variant": variant, "local_files_only": True, "use_safetensors": True}
    encoder, report = CLIPVisionModelWithProjection.from_pretrained(
        folder, dtype=dtype, output_loading_info=True, **local
    )
    if report["missing_keys"]:
        raise _refused()
    return encoder


def _projection(weights: Mapping[str, Tensor], unet: UNet2DConditionModel) -> nn.Module:
    """diffusers tells the kinds apart and knows their names; those for faces are of kinds that we have no use for."""
    own = {name.removeprefix(PROJECTION): each for name, each in weights.items() if name.startswith(PROJECTION)}
    projection: nn.Module = unet._convert_ip_adapter_image_proj_to_diffusers(own, low_cpu_mem_usage=False)
    if not isinstance(projection, ImageProjection | IPAdapterPlusImageProjection):
        raise _refused()
    return projection


def _pooled(weights: Mapping[str, Tensor]) -> Pooled | None:
    own = {name.removeprefix(POOLED): each for name, each in weights.items() if name.startswith(POOLED)}
    if not own:
        return None
    hidden, embedding = own["seen.weight"].shape
    layers = Pooled(embedding, hidden, len(own["added.weight"]))
    layers.load_state_dict(own)
    return layers


def _attention(weights: Mapping[str, Tensor], width: int) -> tuple[nn.Linear, nn.Linear, list[int]]:
    """The layers that make keys and values of a token of that width, and how many numbers each cross attention takes.

    The makers count all attentions of the UNet: those to the prompt are 1, 3, 5 and so on.
    """
    names = [name for name in weights if name.startswith(ATTENTION)]
    numbers = sorted({int(name.split(".")[1]) for name in names})
    if {f"{ATTENTION}{number}.to_{each}_ip.weight" for number in numbers for each in "kv"} != set(names):
        raise _refused()
    keys, values = ([weights[f"{ATTENTION}{number}.to_{each}_ip.weight"] for number in numbers] for each in "kv")
    return _side_by_side(keys, width), _side_by_side(values, width), [len(layer) for layer in keys]


def _side_by_side(layers: Sequence[Tensor], width: int) -> nn.Linear:
    whole = torch.cat(list(layers))
    with torch.device("meta"):  # its weights come from the file: none are made for it first
        linear = nn.Linear(width, len(whole), bias=False)
    linear.load_state_dict({"weight": whole}, assign=True)
    return linear


def _refused() -> WeightsRefused:
    return WeightsRefused(
        "This IP-Adapter is not whole, or made for another kind of model or image encoder.", field="image_prompts"
    )
