"""A tiny SDXL with random weights, and catalogues around it: the same parts and files as the real ones, in a second."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pipelines.torchvision_ops  # noqa: F401  # before diffusers

import pytest
import torch
import yaml
from diffusers import AutoencoderKL, EulerDiscreteScheduler, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from pipelines.catalog import Catalog
from pipelines.registry import Registry

WIDTHS = {"text_encoder": 32, "text_encoder_2": 64}  # different, as in SDXL, so that the two cannot be confused
FOLDER_FILES = (
    "model_index.json",
    "scheduler/scheduler_config.json",
    *(f"{part}/{name}" for part in WIDTHS for name in ("config.json", "model.safetensors")),
    *(
        f"{part}/{name}"
        for part in ("tokenizer", "tokenizer_2")
        for name in ("tokenizer.json", "tokenizer_config.json")
    ),
    *(f"{part}/{name}" for part in ("unet", "vae") for name in ("config.json", "diffusion_pytorch_model.safetensors")),
)
ENTRY: dict[str, Any] = {
    "id": "tiny",
    "name": "Tiny",
    "kind": "sdxl",
    "description": "Random weights.",
    "licence": "Apache-2.0",
    "files": [{"path": path} for path in FOLDER_FILES],
    "dtype": "float16",
    "defaults": {"steps": 20, "guidance_scale": 4.0, "sampler": "euler", "width": 128, "height": 128},
    "native_sizes": ["128x128", "160x96", "96x160", "144x112", "112x144", "192x192"],
    "direct": {"min_side": 64, "max_side": 256, "min_pixels": 4096, "max_pixels": 65536},
}

Write = Callable[..., Catalog]


@pytest.fixture
def catalogued(tmp_path: Path) -> Write:
    """Makes the catalogue of the given changes to ENTRY, one entry each, with the models folder `tmp_path/models`."""

    def write(*changes: dict[str, Any], aliases: dict[str, list[str]] | None = None) -> Catalog:
        path = tmp_path / "models.yaml"
        path.write_text(yaml.safe_dump({"models": [ENTRY | change for change in changes], "aliases": aliases or {}}))
        return Catalog.load(path, tmp_path / "models")

    return write


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny") / "tiny"
    save_tiny_sdxl(folder)
    return folder


@pytest.fixture
def catalog(tiny_folder: Path, tmp_path: Path, catalogued: Write) -> Catalog:
    """Of the tiny model, and of one that is not there."""
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "tiny").symlink_to(tiny_folder)
    return catalogued({}, {"id": "absent"})


@pytest.fixture
def registry(catalog: Catalog) -> Registry:
    return Registry(catalog, torch.device("cpu"), torch.float32, None)


def save_tiny_sdxl(folder: Path, seed: int = 0, dtype: torch.dtype = torch.float16, channels: int = 4) -> None:
    """An SDXL folder in diffusers' format with random weights, those of the VAE the same for every seed.

    channels: that the UNet takes.
    """
    torch.manual_seed(0)
    vae = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(8, 8, 16, 16),
        norm_num_groups=4,
        layers_per_block=1,
        sample_size=128,
        scaling_factor=0.7,
    )
    torch.manual_seed(seed)
    unet = UNet2DConditionModel(
        sample_size=16,
        in_channels=channels,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        block_out_channels=(16, 32, 48),
        layers_per_block=1,
        transformer_layers_per_block=(1, 1, 2),
        attention_head_dim=(2, 4, 6),
        cross_attention_dim=sum(WIDTHS.values()),
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=WIDTHS["text_encoder_2"] + 6 * 8,
        norm_num_groups=8,
    )
    _save_tokenizers(folder)
    for name, kind in (("text_encoder", CLIPTextModel), ("text_encoder_2", CLIPTextModelWithProjection)):
        kind(_text_config(WIDTHS[name])).to(dtype).save_pretrained(folder / name)
    unet.to(dtype).save_pretrained(folder / "unet")
    vae.to(dtype).save_pretrained(folder / "vae")
    scheduler = EulerDiscreteScheduler(prediction_type="v_prediction", timestep_spacing="trailing")
    scheduler.save_pretrained(folder / "scheduler")
    (folder / "model_index.json").write_text('{"force_zeros_for_empty_prompt": false}')


def _text_config(width: int) -> CLIPTextConfig:
    return CLIPTextConfig(
        vocab_size=258,
        hidden_size=width,
        intermediate_size=2 * width,
        projection_dim=width,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=77,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=1,
    )


def _save_tokenizers(folder: Path) -> None:
    letters = [chr(code) + end for code in range(33, 126) for end in ("", "</w>")]
    vocabulary = {token: number for number, token in enumerate(["<|startoftext|>", "<|endoftext|>", *letters])}
    for name in ("tokenizer", "tokenizer_2"):
        CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=77).save_pretrained(folder / name)
