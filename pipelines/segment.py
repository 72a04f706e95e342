"""Words to a mask: CLIPSeg (Lüddecke and Ecker, 2022, arXiv 2112.10003) as transformers has it, from a local folder."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pipelines.torchvision_ops  # noqa: F401  # before transformers

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from transformers import CLIPSegForImageSegmentation, CLIPTokenizer
from transformers.utils.logging import disable_progress_bar

from pipelines.errors import DrawingFailed, NothingFound, TaskRefused, WeightsRefused
from pipelines.weights import check_folder

Asked = tuple[Image.Image, str]
Triple = tuple[float, float, float]

SURE = 0.4  # a pixel belongs to what the words say from this probability on
LEAST_PIXELS = 4  # of the network's answer that must be so sure, or nothing was found
TOGETHER = 4  # pictures in a batch
MOST_TOKENS = 77
TOKENIZER_FILES = (("tokenizer.json",), ("vocab.json", "merges.txt"))  # of today, and of before


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """side: pixels of the square that a picture becomes. mean, deviation: of its channels, 0 to 1."""

    side: int
    mean: Triple
    deviation: Triple


@dataclass(frozen=True, slots=True)
class Segmenter:
    """model: takes squares and token ids, one text a picture, and gives logits of (n, side, side)."""

    model: Any
    tokenizer: Any
    preprocessing: Preprocessing
    device: torch.device
    dtype: torch.dtype

    @torch.inference_mode()
    def probabilities(self, asked: Sequence[Asked]) -> list[Tensor]:
        """For each picture with its words, (side, side) in float32 on the CPU: that a pixel is what the words say.

        No answer depends on another. Raises TaskRefused for words that are none, DrawingFailed where the network
        gives no numbers.
        """
        if not all(words.strip() for _, words in asked):
            raise TaskRefused("Say in words what is to be found in the picture.", field="words")
        batches = (asked[start : start + TOGETHER] for start in range(0, len(asked), TOGETHER))
        return [answer for batch in batches for answer in self._answer(batch)]

    def masks(self, asked: Sequence[Asked]) -> list[Image.Image | NothingFound]:
        """For each picture with its words a mask: L of the picture's size, 255 where that is what the words say.

        Where nothing in a picture is, the error stands in its place, so that the others have their masks. Raises as
        `probabilities` does.
        """
        answers = self.probabilities(asked)
        return [_mask(answer, image.size) for answer, (image, _) in zip(answers, asked, strict=True)]

    def mask(self, image: Image.Image, words: str) -> Image.Image:
        """Of one picture alone. Raises NothingFound, and as `probabilities` does."""
        (found,) = self.masks([(image, words)])
        if isinstance(found, NothingFound):
            raise found
        return found

    def _answer(self, batch: Sequence[Asked]) -> Tensor:
        pictures = torch.stack([self._read(image) for image, _ in batch])
        text = self.tokenizer(
            [words for _, words in batch],
            padding=True, truncation=True, max_length=MOST_TOKENS, return_tensors="pt",
        )  # fmt: skip
        logits: Tensor = self.model(
            input_ids=text.input_ids.to(self.device),
            attention_mask=text.attention_mask.to(self.device),
            pixel_values=pictures.to(self.device, self.dtype),
        ).logits
        if not logits.isfinite().all():
            raise DrawingFailed("The segmenter produced numbers that are no mask.")
        return logits.float().sigmoid().cpu()

    def _read(self, image: Image.Image) -> Tensor:
        ready = self.preprocessing
        square = image.convert("RGB").resize((ready.side, ready.side), Image.Resampling.BILINEAR)
        levels = np.asarray(square, dtype=np.float32) / 255
        normal = (levels - np.array(ready.mean)) / np.array(ready.deviation)
        return torch.from_numpy(normal.astype(np.float32)).permute(2, 0, 1)


def load_segmenter(folder: Path, device: torch.device, dtype: torch.dtype) -> Segmenter:
    """CLIPSeg with its tokenizer, in float32 unless it runs on CUDA.

    folder: config.json, model.safetensors, preprocessor_config.json and the tokenizer's files. Raises WeightsRefused
    where one is missing or not whole, or the folder holds anything that could run.
    """
    check_folder(folder)
    disable_progress_bar()  # it would be drawn on the server's log
    placed_as = dtype if device.type == "cuda" else torch.float32
    preprocessing = _preprocessing(folder)
    if not any(all((folder / name).is_file() for name in names) for names in TOKENIZER_FILES):
        raise _refused("holds no tokenizer")  # transformers would make one up, without a vocabulary
    try:
        tokenizer = CLIPTokenizer.from_pretrained(folder, local_files_only=True)
        model, loaded = CLIPSegForImageSegmentation.from_pretrained(
            folder, dtype=placed_as, local_files_only=True, use_safetensors=True, output_loading_info=True
        )
    except Exception as error:  # each part of transformers raises what it likes
        raise _refused("is not whole, or not CLIPSeg") from error
    if loaded["missing_keys"] or loaded["mismatched_keys"]:  # which would be left random
        raise _refused("lacks some of CLIPSeg's weights")
    model.to(device).eval().requires_grad_(False)
    return Segmenter(model, tokenizer, preprocessing, device, placed_as)


def _mask(probability: Tensor, size: tuple[int, int]) -> Image.Image | NothingFound:
    if int((probability >= SURE).sum()) < LEAST_PIXELS:
        return NothingFound("Nothing in the picture is what the words say; try other words.", field="words")
    enlarged = np.asarray(Image.fromarray(probability.numpy()).resize(size, Image.Resampling.BILINEAR))
    return Image.fromarray(np.where(enlarged >= SURE, 255, 0).astype(np.uint8))


def _preprocessing(folder: Path) -> Preprocessing:
    """Of preprocessor_config.json; its `size` is a number, or a width and a height. Raises WeightsRefused."""
    try:
        content = json.loads((folder / "preprocessor_config.json").read_text(encoding="utf-8"))
        size = content["size"]
        side, height = (size, size) if isinstance(size, int) else (size["width"], size["height"])
        mean, deviation = (
            (float(red), float(green), float(blue))
            for red, green, blue in (content["image_mean"], content["image_std"])
        )
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise _refused("has no preprocessor_config.json that says size, mean and deviation") from error
    if side != height or not isinstance(side, int) or not 1 <= side <= 2048 or min(deviation) <= 0:
        raise _refused("does not take square pictures of a fit size")
    return Preprocessing(side, mean, deviation)


def _refused(reason: str) -> WeightsRefused:
    return WeightsRefused(f"The segmenter's folder {reason}.", field="model")
