"""The segment stage: a tiny CLIPSeg that finds what words name among two or three shapes, and nothing where none is it.

Unlike a real CLIPSeg, whose CLIP came trained and stays as it is, all of this one learns; its text encoder starts as
that of shapes-xl, which can read already.
"""

from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from transformers import CLIPSegConfig, CLIPSegForImageSegmentation, CLIPTextModel, CLIPTokenizer

from pipelines.demo.world import COLOURS, SHAPES
from training.folder import save_whole, write_json
from training.matting import mask_loss
from training.scenes import Found, scene

MODEL = "shapes-clipseg"
SIDE, PATCH = 96, 8
VISION_WIDTH, PROJECTION = 96, 96
MEAN, DEVIATION = 0.5, 0.5
BATCH = 24
ABSENT = 0.25  # of the prompts name something that the picture does not show
FORMS = ("{}", "{}", "the {}", "the {}", "a {}", "find the {}", "the {} in the picture")


def new_segmenter(text_encoder: CLIPTextModel) -> CLIPSegForImageSegmentation:
    config = CLIPSegConfig(
        text_config={name: getattr(text_encoder.config, name) for name in (
            "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
            "max_position_embeddings", "hidden_act", "bos_token_id", "eos_token_id", "pad_token_id",
        )},
        vision_config={
            "image_size": SIDE, "patch_size": PATCH, "hidden_size": VISION_WIDTH,
            "intermediate_size": 4 * VISION_WIDTH, "num_hidden_layers": 4, "num_attention_heads": 4,
        },
        projection_dim=PROJECTION, extract_layers=[1, 2, 3], reduce_dim=64, decoder_num_attention_heads=4,
        decoder_intermediate_size=256,
    )  # fmt: skip
    model = CLIPSegForImageSegmentation(config)
    can_read = {name.removeprefix("text_model."): value for name, value in text_encoder.state_dict().items()}
    model.clip.text_model.load_state_dict(can_read)
    return model


class SegmentStage:
    name = "segment"
    learning_rate = 1e-3
    averaging = 0.99

    def __init__(self, model: CLIPSegForImageSegmentation, tokenizer: CLIPTokenizer, device: torch.device) -> None:
        self.module: nn.Module = model.to(device)
        self.model, self.tokenizer, self.device = model, tokenizer, device

    def loss(self, random: Random, done: float) -> Tensor:
        pictures, words, masks = lessons(random, BATCH)
        logits = self._logits(pictures.to(self.device), words)
        return mask_loss(logits.float(), masks.to(self.device))

    def _logits(self, pictures: Tensor, words: list[str]) -> Tensor:
        """What the model's own forward does, which would keep CLIP from learning."""
        clip = self.model.clip
        seen = clip.vision_model(pixel_values=pictures, output_hidden_states=True).hidden_states
        text = self.tokenizer(words, padding=True, return_tensors="pt").to(self.device)
        said = clip.get_text_features(text.input_ids, attention_mask=text.attention_mask).pooler_output
        layers = [seen[layer + 1] for layer in self.model.extract_layers]
        logits: Tensor = self.model.decoder(layers, said).logits
        return logits


def lessons(random: Random, count: int, *, held_out: bool = False) -> tuple[Tensor, list[str], Tensor]:
    """(count, 3, side, side), as many prompts, and (count, side, side) of 0..1: where what they name is."""
    pictures, prompts, masks = list[Any](), list[str](), list[Any]()
    for _ in range(count):
        image, things = scene(random, SIDE, random.choice((2, 3)), held_out=held_out)
        prompt, truth = ask(things, random)
        pictures.append((np.asarray(image, dtype=np.float32) / 255 - MEAN) / DEVIATION)
        prompts.append(prompt)
        masks.append(np.asarray(truth, dtype=np.float32) / 255)
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2), prompts, torch.from_numpy(np.stack(masks))


def ask(things: list[Found], random: Random) -> tuple[str, Image.Image]:
    """A prompt and its mask, L: a thing by colour and shape, all of one shape, or what is not there (black)."""
    thing = random.choice(things)
    if random.random() < ABSENT:
        name = _absent(things, thing, random)
    else:
        name = random.choice((thing.name, thing.name, thing.shape))
    truth = np.zeros(np.asarray(thing.mask).shape, np.uint8)
    for each in things:
        if name in (each.name, each.shape):
            truth = np.maximum(truth, np.asarray(each.mask))
    words = name.replace("gray", random.choice(("gray", "grey")))
    return random.choice(FORMS).format(words), Image.fromarray(truth)


def _absent(things: list[Found], thing: Found, random: Random) -> str:
    """Something near the truth: the shape in another colour, the colour as another shape, or another shape."""
    colour, shape = random.choice(sorted(COLOURS)), random.choice(SHAPES)
    there = {name for each in things for name in (each.name, each.shape)}
    wrong = [name for name in (f"{colour} {thing.shape}", f"{thing.colour} {shape}", shape) if name not in there]
    return random.choice(wrong) if wrong else _absent(things, thing, random)


@torch.no_grad()
def judged(stage: SegmentStage, model: nn.Module, count: int = 200) -> tuple[float, float]:
    """On held-out scenes: the mean IoU for what is there, and the share of absent things of which nothing was found."""
    pictures, words, masks = lessons(Random(1), count, held_out=True)
    before, stage.model = stage.model, model
    parts = range(0, count, BATCH)
    logits = [stage._logits(pictures[at : at + BATCH].to(stage.device), words[at : at + BATCH]) for at in parts]
    stage.model = before
    found, truth = torch.cat(logits).cpu() > 0, masks > 0.5
    there = truth.any(-1).any(-1)
    overlap = (found & truth).sum((1, 2)) / (found | truth).sum((1, 2)).clamp_min(1)
    nothing = ~found.any(-1).any(-1)
    return overlap[there].mean().item(), nothing[~there].float().mean().item()


def segmenter(folder: Path, text_encoder: CLIPTextModel) -> CLIPSegForImageSegmentation:
    if (folder / "config.json").is_file():
        return CLIPSegForImageSegmentation.from_pretrained(folder).float()
    return new_segmenter(text_encoder)


def save(model: Any, tokenizer: CLIPTokenizer, folder: Path) -> None:
    """In the layout of the CLIPSeg folders that people publish, fp16."""
    save_whole(folder, model)
    tokenizer.save_pretrained(folder)
    preprocessing = {"size": SIDE, "image_mean": [MEAN] * 3, "image_std": [DEVIATION] * 3, "resample": 2}
    write_json(folder / "preprocessor_config.json", preprocessing)
