"""CLIPSeg for tests: a folder as those that people publish, but with few and random weights."""

import json
from pathlib import Path

import pipelines.torchvision_ops  # noqa: F401  # before transformers

import torch
from transformers import CLIPSegConfig, CLIPSegForImageSegmentation, CLIPTokenizer

SIDE, PATCH = 48, 16
FILES = ("config.json", "model.safetensors", "preprocessor_config.json", "tokenizer.json", "tokenizer_config.json")


def save_tiny_clipseg(folder: Path) -> None:
    torch.manual_seed(1)
    letters = [chr(code) + end for code in range(33, 126) for end in ("", "</w>")]
    vocabulary = {token: number for number, token in enumerate(["<|startoftext|>", "<|endoftext|>", *letters])}
    layers = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 3, "num_attention_heads": 2}
    text = {**layers, "vocab_size": len(vocabulary), "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1}
    config = CLIPSegConfig(
        text_config=text, vision_config={**layers, "image_size": SIDE, "patch_size": PATCH},
        projection_dim=16, extract_layers=[0, 1, 2], reduce_dim=16, decoder_num_attention_heads=2,
        decoder_intermediate_size=32, use_complex_transposed_convolution=True,
    )  # fmt: skip
    CLIPSegForImageSegmentation(config).save_pretrained(folder)
    CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=77).save_pretrained(folder)
    preprocessing = {"size": {"height": SIDE, "width": SIDE}, "image_mean": [0.5] * 3, "image_std": [0.25] * 3}
    (folder / "preprocessor_config.json").write_text(json.dumps(preprocessing))
