"""What the header of a .safetensors file tells: which kind of model it is, by its tensors' names and shapes, and what
its metadata say of it (https://github.com/Stability-AI/ModelSpec; kohya-ss writes `ss_...`). No weight is read.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path

from pipelines.entries import Kind
from pipelines.errors import WeightsRefused
from pipelines.weights import StoredTensor, check_safetensors

Tensors = Mapping[str, StoredTensor]
Metadata = Mapping[str, str]

DTYPES = {"F16": "float16", "BF16": "bfloat16", "F32": "float32"}
SDXL_PARTS = (
    "model.diffusion_model.",
    "first_stage_model.",
    "conditioner.embedders.0.transformer.",
    "conditioner.embedders.1.model.",
)
INPUT_CONV = "model.diffusion_model.input_blocks.0.0.weight"
KINDS_BY_CHANNELS: Mapping[int, Kind] = {4: "sdxl", 9: "sdxl-inpaint"}
LORA_NAME = re.compile(r"\.lora(_down|_A|\.down)\.weight$")
SDXL_LORA_NAME = re.compile(
    r"(lora_unet_|unet\.)(down_|up_|mid_|input_|output_|middle_|conv_|time_|label_|add_|out_)"
    r"|lora_te[12]_|text_encoder(_2)?\."
)
CROSS_ATTENTION = re.compile(r"attn2[._]to_[kv]\.lora")
WIDTHS_OF_OTHERS = {768: "Stable Diffusion 1", 1024: "Stable Diffusion 2"}  # of the text that their UNets read
VAE_INPUT_CONV = re.compile(r"(first_stage_model\.|vae\.)?decoder\.conv_in\.weight")
LATENT_CHANNELS = 4
CONTROL_NAME = re.compile(r"controlnet_cond_embedding\.|(control_model\.)?input_hint_block\.")
IP_ADAPTER_NAME = re.compile(r"ip_adapter\.|image_proj\.")
SDXL_CONTROL_NAME = re.compile(r"add_embedding\.|(control_model\.)?label_emb\.")
RESTORER_NAME = re.compile(r"stylegan_decoder\.|quantize\.embedding\.")  # of GFPGAN; of RestoreFormer
IMAGE_CHANNELS = (1, 3, 12, 48)  # grey or colour, plain or folded by 2 or 4, as enlargers take their pictures
MOST_VECTORS = 75  # of an embedding: what the text encoders read at once
LONGEST_NAME, LONGEST_TEXT = 100, 1000


@dataclass(frozen=True, slots=True)
class Header:
    """scheduler: values that replace those of SDXL's own scheduler. None: the file does not say."""

    kind: Kind
    dtype: str
    scheduler: Mapping[str, bool | str]
    name: str | None
    description: str | None
    licence: str | None


def read_header(path: Path) -> Header:
    """Raises WeightsRefused where the file is not what it says, or of no kind that this program uses."""
    tensors = check_safetensors(path)
    metadata = _metadata(path)
    return Header(
        kind=_kind(tensors, metadata),
        dtype=_dtype(tensors),
        scheduler=_scheduler(tensors, metadata),
        name=_said(metadata, LONGEST_NAME, "modelspec.title", "ss_output_name", "title"),
        description=_said(metadata, LONGEST_TEXT, "modelspec.description", "description"),
        licence=_said(metadata, LONGEST_NAME, "modelspec.license", "license"),
    )


def _metadata(path: Path) -> Metadata:
    """What the header of a checked file says beside its tensors; what is not text is left out."""
    with path.open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    metadata = header.get("__metadata__")
    entries = metadata.items() if isinstance(metadata, dict) else ()
    return {name: value for name, value in entries if isinstance(value, str)}


def _kind(tensors: Tensors, metadata: Metadata) -> Kind:
    if any(LORA_NAME.search(name) for name in tensors):
        return _lora(tensors, metadata)
    if any(name.startswith(SDXL_PARTS[0]) for name in tensors):
        return _checkpoint(tensors)
    if "clip_l" in tensors or "clip_g" in tensors or "emb_params" in tensors:
        return _embedding(tensors)
    if any(CONTROL_NAME.match(name) for name in tensors):
        return _control(tensors)
    return _of_pictures(tensors)


def _of_pictures(tensors: Tensors) -> Kind:
    """What takes pictures and knows nothing of words."""
    if any(IP_ADAPTER_NAME.match(name) for name in tensors):
        raise WeightsRefused("It is an IP-Adapter: only an entry in models.yaml can name its image encoder.")
    if any(RESTORER_NAME.match(name) for name in tensors):
        return "face-restorer"
    if vae := next((tensor for name, tensor in tensors.items() if VAE_INPUT_CONV.fullmatch(name)), None):
        return _vae(vae)
    if any(len(tensor.shape) == 4 and tensor.shape[1] in IMAGE_CHANNELS for tensor in tensors.values()):
        return "upscaler"
    raise WeightsRefused("It is of no kind that is known here.")


def _lora(tensors: Tensors, metadata: Metadata) -> Kind:
    base = (metadata.get("ss_base_model_version") or metadata.get("modelspec.architecture") or "").lower()
    if (base and "xl" not in base) or not all(SDXL_LORA_NAME.match(name) for name in tensors):
        raise WeightsRefused("It is a LoRA for another kind of model than SDXL.")
    for name, tensor in tensors.items():
        if LORA_NAME.search(name) and CROSS_ATTENTION.search(name) and tensor.shape[-1] in WIDTHS_OF_OTHERS:
            raise WeightsRefused(f"It is a LoRA for {WIDTHS_OF_OTHERS[tensor.shape[-1]]}, not for SDXL.")
    return "lora"


def _checkpoint(tensors: Tensors) -> Kind:
    if any(name.startswith("cond_stage_model.") for name in tensors):
        raise WeightsRefused("It is a checkpoint of Stable Diffusion 1 or 2; only SDXL is drawn with here.")
    if any(name.startswith("conditioner.embedders.0.model.") for name in tensors):
        raise WeightsRefused("It is the refiner of SDXL, which is not used here.")
    if not all(any(name.startswith(part) for name in tensors) for part in SDXL_PARTS) or INPUT_CONV not in tensors:
        raise WeightsRefused("It is no whole SDXL checkpoint: UNet, VAE or a text encoder is missing.")
    kind = KINDS_BY_CHANNELS.get(prod(tensors[INPUT_CONV].shape[1:2]))
    if kind is None:
        raise WeightsRefused("It is a checkpoint whose UNet takes another input than SDXL's.")
    return kind


def _embedding(tensors: Tensors) -> Kind:
    shapes = [tensors[name].shape if name in tensors else () for name in ("clip_l", "clip_g")]
    if any(len(shape) != 2 for shape in shapes) or shapes[0][0] != shapes[1][0]:
        raise WeightsRefused("It is no embedding for SDXL, which has vectors for both text encoders.")
    if not 1 <= shapes[0][0] <= MOST_VECTORS:
        raise WeightsRefused(f"It is an embedding of more than {MOST_VECTORS} vectors, or of none.")
    return "embedding"


def _control(tensors: Tensors) -> Kind:
    if not any(SDXL_CONTROL_NAME.match(name) for name in tensors):
        raise WeightsRefused("It is a ControlNet for another kind of model than SDXL.")
    return "controlnet"


def _vae(input_conv: StoredTensor) -> Kind:
    if input_conv.shape[1:2] != (LATENT_CHANNELS,):
        raise WeightsRefused("It is a VAE for another kind of model than SDXL.")
    return "vae"


def _dtype(tensors: Tensors) -> str:
    """Of most of the weights."""
    numbers: dict[str, int] = {}
    for tensor in tensors.values():
        numbers[tensor.dtype] = numbers.get(tensor.dtype, 0) + tensor.elements
    most = max(numbers, key=lambda dtype: numbers[dtype])
    if most not in DTYPES:
        raise WeightsRefused(f"Its weights are stored as {most}; what is read is {', '.join(DTYPES)}.")
    return DTYPES[most]


def _scheduler(tensors: Tensors, metadata: Metadata) -> Mapping[str, bool | str]:
    """Empty tensors of these names are how checkpoints say it, for want of a config file.

    With zero terminal SNR the last timestep has to be drawn from too (Lin et al., 2023, arXiv 2305.08891, section 3.3).
    """
    found: dict[str, bool | str] = {}
    predicted = metadata.get("modelspec.prediction_type") or metadata.get("prediction_type")
    if "v_pred" in tensors or predicted in ("v", "v_prediction"):
        found["prediction_type"] = "v_prediction"
    if "ztsnr" in tensors or metadata.get("ss_zero_terminal_snr") == "True":
        found |= {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}
    return found


def _said(metadata: Metadata, longest: int, *names: str) -> str | None:
    """The first of these that says something, on one line of printable characters."""
    for name in names:
        printable = "".join(letter if letter.isprintable() else " " for letter in metadata.get(name, ""))
        if text := " ".join(printable.split())[:longest]:
            return text
    return None
