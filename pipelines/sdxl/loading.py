"""SDXL from disk: a folder in diffusers' format, or one checkpoint in the original layout. No hub is ever called."""

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pipelines.torchvision_ops  # noqa: F401  # before diffusers

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.loaders.single_file_utils import SingleFileComponentError, create_diffusers_clip_model_from_ldm
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer
from transformers.utils.logging import disable_progress_bar

from pipelines.errors import WeightsRefused
from pipelines.sdxl.model import Plain, SdxlModel
from pipelines.weights import check_folder, check_safetensors

CONFIGS = Path(__file__).parent / "configs"  # those of Stable Diffusion XL 1.0, for checkpoints that carry none
PARTS: Mapping[str, Any] = {
    "unet": UNet2DConditionModel,
    "vae": AutoencoderKL,
    "text_encoder": CLIPTextModel,
    "text_encoder_2": CLIPTextModelWithProjection,
}

# What diffusers raises, here or there, where a file lacks weights or has others than the config says.
NOT_WHOLE = (KeyError, ValueError, RuntimeError, AttributeError, NotImplementedError, SingleFileComponentError)


def load_folder(
    model_id: str,
    folder: Path,
    device: torch.device,
    dtype: torch.dtype,
    parts: Mapping[str, nn.Module] | None = None,
) -> SdxlModel:
    """The model in `folder`, whose weights may be stored in float16 whatever `dtype` is.

    parts: those that are loaded already, by name; they are used as they are. Raises WeightsRefused.
    """
    check_folder(folder)
    disable_progress_bar()  # of transformers, which draws one for every part, on the server's log too
    loaded = dict(parts or {})
    for name, kind in PARTS.items():
        if name not in loaded:
            loaded[name] = _placed(_part_of_folder(kind, folder / name, dtype), device)
    return _assembled(model_id, loaded, folder, folder, device, dtype)


def load_checkpoint(
    model_id: str,
    file: Path,
    configs: Path,
    tokenizers_from: Path,
    device: torch.device,
    dtype: torch.dtype,
    parts: Mapping[str, nn.Module] | None = None,
) -> SdxlModel:
    """The model in one .safetensors file with the keys of Stability AI's generative-models, converted by diffusers.

    configs: a folder in diffusers' format, of which only the JSON files are read; CONFIGS for true SDXL.
    tokenizers_from: an SDXL folder whose tokenizers are used. parts: as in `load_folder`. Raises WeightsRefused.
    """
    check_safetensors(file)
    loaded = dict(parts or {})
    weights = load_file(file) if loaded.keys() != PARTS.keys() else {}
    for name, kind in PARTS.items():
        if name in loaded:
            continue
        convert = kind.from_single_file if kind in (UNet2DConditionModel, AutoencoderKL) else partial(_converted, kind)
        stored_as = part_dtype(configs / name, dtype)
        try:
            part = convert(weights, config=str(configs), subfolder=name, dtype=stored_as, local_files_only=True)
            loaded[name] = _placed(part, device)
        except NOT_WHOLE as error:
            raise _incomplete(file) from error
    return _assembled(model_id, loaded, configs, tokenizers_from, device, dtype)


def load_vae(file: Path, configs: Path, device: torch.device, dtype: torch.dtype) -> AutoencoderKL:
    """The VAE in one .safetensors file, in the original layout or with diffusers' names.

    configs: as in `load_checkpoint`, of the model that it is to work for. Raises WeightsRefused.
    """
    check_safetensors(file)
    stored_as = part_dtype(configs / "vae", dtype)
    options: dict[str, Any] = {"subfolder": "vae", "dtype": stored_as, "local_files_only": True}
    try:
        vae = AutoencoderKL.from_single_file(load_file(file), config=str(configs), **options)
        return _placed(vae, device)
    except NOT_WHOLE as error:
        raise WeightsRefused(f"The file {file.name} is not a whole VAE for this model.", field="vae") from error


def weight_file(folder: Path) -> Path:
    """The weights of the part in `folder`, of which hubs publish float16 copies under a name of their own.

    Raises WeightsRefused where there is not exactly one, or one of each name.
    """
    plain = [path for path in sorted(folder.glob("*.safetensors")) if not path.stem.endswith(".fp16")]
    half = sorted(folder.glob("*.fp16.safetensors"))
    if len(plain) > 1 or len(half) > 1 or not plain + half:
        raise WeightsRefused(f"The model needs one safetensors file in its {folder.name} folder.", field="model")
    return (half or plain)[0]


def part_dtype(folder: Path, dtype: torch.dtype) -> torch.dtype:
    """`dtype`, but a wider one where the part's config says that it overflows in float16, as SDXL's VAE does.

    That is bfloat16; beside a GPU that only emulates it, as those before Ampere do, float32.
    """
    if dtype != torch.float16 or not _json(folder / "config.json").get("force_upcast"):
        return dtype
    emulates = torch.cuda.is_available() and not torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.float32 if emulates else torch.bfloat16


def _part_of_folder(kind: Any, folder: Path, dtype: torch.dtype) -> nn.Module:
    variant = "fp16" if weight_file(folder).stem.endswith(".fp16") else None
    part: nn.Module
    part, report = kind.from_pretrained(
        folder,
        variant=variant,
        dtype=part_dtype(folder, dtype),
        local_files_only=True,
        use_safetensors=True,
        output_loading_info=True,
    )
    if report["missing_keys"]:
        raise _incomplete(folder)
    return part


def _converted(kind: Any, weights: Mapping[str, Tensor], dtype: torch.dtype, **options: Any) -> nn.Module:
    part: nn.Module = create_diffusers_clip_model_from_ldm(kind, weights, torch_dtype=dtype, **options)
    return part


def _placed(part: nn.Module, device: torch.device) -> nn.Module:
    """Raises NotImplementedError where the file had no weights for a parameter, which then has no place to be."""
    return part.to(device).eval().requires_grad_(False)


def _assembled(
    model_id: str,
    parts: Mapping[str, Any],
    configs: Path,
    tokenizers: Path,
    device: torch.device,
    dtype: torch.dtype,
) -> SdxlModel:
    index = configs / "model_index.json"
    return SdxlModel(
        id=model_id,
        tokenizer=CLIPTokenizer.from_pretrained(tokenizers / "tokenizer", local_files_only=True),
        tokenizer_2=CLIPTokenizer.from_pretrained(tokenizers / "tokenizer_2", local_files_only=True),
        scheduler=_json(configs / "scheduler" / "scheduler_config.json"),
        device=device,
        dtype=dtype,
        zero_empty_prompt=bool(_json(index).get("force_zeros_for_empty_prompt", True)),
        answer=Plain(parts["unet"]),
        **parts,
    )


def _json(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def _incomplete(path: Path) -> WeightsRefused:
    return WeightsRefused(f"The model's {path.name} is not a whole SDXL model: pull or copy it again.", field="model")
