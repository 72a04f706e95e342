"""Folders as transformers has them, of networks with few and random weights."""

from pathlib import Path
from typing import Any

import pipelines.torchvision_ops  # noqa: F401  # before transformers

import torch
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import (
    BertTokenizer,
    BlipConfig,
    BlipForConditionalGeneration,
    BlipImageProcessor,
    BlipProcessor,
    CLIPImageProcessor,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
    ViTConfig,
    ViTForImageClassification,
    ViTImageProcessor,
    YolosConfig,
    YolosForObjectDetection,
    YolosImageProcessor,
)

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[DEC]", "a", "red", "star", "on", "white"]
SMALL: dict[str, Any] = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
SQUARE = {"height": 32, "width": 32}


def captioner(folder: Path) -> Path:
    torch.manual_seed(0)
    folder.mkdir(parents=True)
    (folder / "vocab.txt").write_text("\n".join(WORDS))
    text = SMALL | {
        "vocab_size": len(WORDS),
        "bos_token_id": 5,
        "eos_token_id": 3,
        "sep_token_id": 3,
        "pad_token_id": 0,
    }
    config = BlipConfig(
        text_config=text | {"encoder_hidden_size": 16, "max_position_embeddings": 64, "projection_dim": 16},
        vision_config=SMALL | {"image_size": 32, "patch_size": 16},
        projection_dim=16,
    )
    network = BlipForConditionalGeneration(config)
    network.save_pretrained(folder)
    tokenizer = BertTokenizer(vocab=str(folder / "vocab.txt"))
    BlipProcessor(BlipImageProcessor(size=SQUARE), tokenizer).save_pretrained(folder)
    return folder


def object_detector(folder: Path) -> Path:
    """Sure of everything: its classes are loud."""
    torch.manual_seed(0)
    names = {0: "cat", 1: "remote"}
    config = YolosConfig(**SMALL, image_size=[32, 32], patch_size=16, num_detection_tokens=3, id2label=names)
    network = YolosForObjectDetection(config)
    nn.init.constant_(network.class_labels_classifier.layers[-1].bias[:1], 20.0)
    network.save_pretrained(folder)
    YolosImageProcessor(size=SQUARE).save_pretrained(folder)
    return folder


def classifier(folder: Path, names: tuple[str, ...] = ("normal", "nsfw")) -> Path:
    torch.manual_seed(0)
    config = ViTConfig(**SMALL, image_size=32, patch_size=16, id2label=dict(enumerate(names)))
    ViTForImageClassification(config).save_pretrained(folder)
    ViTImageProcessor(size=SQUARE).save_pretrained(folder)
    return folder


def aesthetic(folder: Path) -> Path:
    """One file with CLIP's weights and the predictor's, its layers numbered as those of a network with dropouts."""
    torch.manual_seed(0)
    config = CLIPVisionConfig(**SMALL, image_size=32, patch_size=16, projection_dim=8)
    CLIPVisionModelWithProjection(config).save_pretrained(folder)
    widths = (8, 1024, 128, 64, 16, 1)
    weights = load_file(folder / "model.safetensors")
    for place, before, after in zip((0, 2, 4, 6, 7), widths, widths[1:], strict=False):
        layer = nn.Linear(before, after)
        weights[f"layers.{place}.weight"] = layer.weight.detach().clone()
        weights[f"layers.{place}.bias"] = layer.bias.detach().clone()
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    CLIPImageProcessor(size={"shortest_edge": 32}, crop_size=SQUARE).save_pretrained(folder)
    return folder
