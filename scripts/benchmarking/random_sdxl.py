"""An SDXL of random weights, made on the device and written as any model is: speed does not depend on the weights."""

import shutil
from pathlib import Path
from typing import Any

import pipelines.torchvision_ops  # noqa: F401  # before diffusers

import torch
import yaml
from torch.utils.flop_counter import FlopCounterMode
from transformers import CLIPTextConfig

from pipelines.catalog import Catalog, default_file
from pipelines.sdxl.loading import PARTS
from pipelines.sdxl.model import Inputs, Plain

MODEL = "random"


def random_catalogue(folder: Path, like: str, configs: Path, lender: Path, device: torch.device) -> Path:
    """Writes models.yaml and models/random below `folder`, in float16; returns the models file.

    like: the id of the model whose entry is copied. configs: of the parts, in diffusers' layout. lender: of tokenizers,
    which may know fewer tokens than the encoders.
    """
    model = folder / "models" / MODEL
    _write(model, configs, lender, device)
    paths = sorted(path.relative_to(model).as_posix() for path in model.rglob("*") if path.is_file())
    entries = yaml.safe_load(default_file().read_text(encoding="utf-8"))["models"]
    entry = next(entry for entry in entries if entry["id"] == like)
    entry = {name: value for name, value in entry.items() if name not in ("source", "embedded")}
    models_file = folder / "models.yaml"
    models_file.write_text(
        yaml.safe_dump({"models": [entry | {"id": MODEL, "files": [{"path": path} for path in paths]}]})
    )
    return models_file


def load_catalogue(models_file: Path) -> Catalog:
    return Catalog.load(models_file, models_file.parent / "models")


def flops_of_row(configs: Path, size: tuple[int, int]) -> int:
    """Of one row in the UNet, two for each multiplication with addition, attention included; counted without computing.

    size: width and height in pixels.
    """
    with torch.device("meta"), torch.no_grad():
        unet = _made(PARTS["unet"], configs / "unet")
        config = unet.config
        pooled = config.projection_class_embeddings_input_dim - 6 * config.addition_time_embed_dim
        inputs = Inputs(
            torch.empty(1, config.in_channels, size[1] // 8, size[0] // 8),
            torch.empty(1),
            torch.empty(1, 77, config.cross_attention_dim),
            None,
            torch.empty(1, pooled),
            torch.empty(1, 6),
        )
        with FlopCounterMode(display=False) as counter:
            Plain(unet)(inputs)
    return counter.get_total_flops()


def flops_of_decoding(configs: Path, size: tuple[int, int]) -> int:
    """Of one picture in the VAE."""
    with torch.device("meta"), torch.no_grad():
        vae = _made(PARTS["vae"], configs / "vae")
        latents = torch.empty(1, vae.config.latent_channels, size[1] // 8, size[0] // 8)
        with FlopCounterMode(display=False) as counter:
            vae.decode(latents)
    return counter.get_total_flops()


def _write(folder: Path, configs: Path, lender: Path, device: torch.device) -> None:
    torch.manual_seed(0)
    for name, kind in PARTS.items():
        with torch.device(device):
            part = _made(kind, configs / name)
        part.to(torch.float16).save_pretrained(folder / name, max_shard_size="50GB")
    for name in ("scheduler", "tokenizer", "tokenizer_2"):
        shutil.copytree((configs if name == "scheduler" else lender) / name, folder / name)
    shutil.copy(configs / "model_index.json", folder)


def _made(kind: Any, config: Path) -> Any:
    """A part as its config describes it, with the random weights that its layers begin with."""
    if hasattr(kind, "load_config"):  # of diffusers
        return kind.from_config(kind.load_config(config))
    return kind(CLIPTextConfig.from_pretrained(config))
