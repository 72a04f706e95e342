"""The segment stage: a tiny CLIPSeg that finds what words name among one to three shapes, and nothing where none is it.

Unlike a real CLIPSeg, whose CLIP came trained and stays as it is, all of this one learns at once. So that its CLIP
comes to tell colours and shapes apart, which masks alone never taught it, it is also asked for both by name: of each
patch of the picture, and of the words. The heads that answer are left behind.
"""

from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
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
TAUGHT = 0.5  # weight of the names beside the masks
COVERED = 0.2  # of a patch, to be called what covers it, as edges tell shapes; less, but not nearly free: asked nothing
FREE = 0.05
NO_NAME = 0.05  # weight of a patch that nothing covers, which most are
THINGS = (1, 2, 2, 3, 3)  # in a picture
ABSENT = 0.25  # of the prompts name something that the picture does not show
NAMES = (tuple(sorted(COLOURS)), tuple(SHAPES))
SKIPPED = -100
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
            "hidden_act": "gelu",
        },
        projection_dim=PROJECTION, extract_layers=[1, 2, 3], reduce_dim=64, decoder_num_attention_heads=4,
        decoder_intermediate_size=256, use_complex_transposed_convolution=True,
    )  # fmt: skip
    model = CLIPSegForImageSegmentation(config)
    _begin_small(model.decoder)
    _begin_in_places(model.clip.vision_model.embeddings.position_embedding)
    can_read = {name.removeprefix("text_model."): value for name, value in text_encoder.state_dict().items()}
    model.clip.text_model.load_state_dict(can_read)
    return model


@dataclass(frozen=True, slots=True)
class Lessons:
    """pictures: (n, 3, side, side), normalised. masks: (n, side, side) of 0..1: where what the words name is.

    Names are numbers, colour and shape: 0 for none, then as in NAMES, and SKIPPED where nothing is asked.
    patches: (n, patches, 2). said: (n, 2).
    """

    pictures: Tensor
    words: list[str]
    masks: Tensor
    patches: Tensor
    said: Tensor


class Names(nn.Module):
    """Logits of the colour and the shape that a vector stands for."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.heads = nn.ModuleList(nn.Linear(width, len(names) + 1) for names in NAMES)

    def loss(self, vectors: Tensor, names: Tensor) -> Tensor:
        """vectors: (..., width). names: (..., 2)."""
        losses = list[Tensor]()
        for at, head in enumerate(self.heads):
            weight = torch.tensor([NO_NAME] + [1.0] * len(NAMES[at]), device=vectors.device)
            logits = head(vectors).flatten(0, -2).float()
            losses.append(nn.functional.cross_entropy(logits, names[..., at].flatten(), weight, ignore_index=SKIPPED))
        return torch.stack(losses).sum()


def _begin_small(decoder: Any) -> None:
    """At first words do next to nothing to a patch, and the answer is small: else layers add to far larger sums."""
    for linear in (*decoder.reduces, decoder.film_mul, decoder.film_add):
        nn.init.normal_(linear.weight, std=0.02)
    nn.init.ones_(decoder.film_mul.bias)
    nn.init.normal_(decoder.transposed_convolution[-1].weight, std=0.02)


def _begin_in_places(positions: nn.Embedding) -> None:
    """Waves along x and y, by which a patch finds its neighbours; to learn that from nothing takes long.

    Vaswani et al., Attention Is All You Need (2017), 3.5; in two dimensions, as Chen et al., An Empirical Study of
    Training Self-Supervised Vision Transformers (2021).
    """
    cells, waves = SIDE // PATCH, VISION_WIDTH // 4
    turns = torch.arange(cells)[:, None] / 100 ** (torch.arange(waves) / waves)  # (cells, waves)
    line = torch.cat([turns.sin(), turns.cos()], 1)
    places = torch.cat([line[:, None].expand(-1, cells, -1), line[None].expand(cells, -1, -1)], 2)
    with torch.no_grad():
        positions.weight[1:] = 0.5 * places.reshape(cells * cells, -1)


class SegmentStage:
    name = "segment"
    learning_rate = 1e-3
    averaging = 0.99

    def __init__(self, model: CLIPSegForImageSegmentation, tokenizer: CLIPTokenizer, device: torch.device) -> None:
        self.tokenizer, self.device = tokenizer, device
        self.model, self.seen, self.said = model, Names(VISION_WIDTH), Names(PROJECTION)
        parts: dict[str, nn.Module] = {"model": model, "seen": self.seen, "said": self.said}
        self.module: nn.Module = nn.ModuleDict(parts).to(device)

    def loss(self, random: Random, done: float) -> Tensor:
        lessons = new_lessons(random, BATCH)
        with torch.autocast(self.device.type, enabled=False):  # so small, it is slower in bfloat16 on a CPU
            seen, said, logits = answers(self.model, self.tokenizer, lessons, self.device)
            taught = self.seen.loss(seen, lessons.patches.to(self.device))
            taught = taught + self.said.loss(said, lessons.said.to(self.device))
            return mask_loss(logits, lessons.masks.to(self.device)) + TAUGHT * taught


def answers(
    model: Any, tokenizer: CLIPTokenizer, lessons: Lessons, device: torch.device
) -> tuple[Tensor, Tensor, Tensor]:
    """What the model's own forward does, which would keep CLIP from learning: patches, words and logits."""
    clip = model.clip
    hidden = clip.vision_model(pixel_values=lessons.pictures.to(device), output_hidden_states=True).hidden_states
    text = tokenizer(lessons.words, padding=True, return_tensors="pt").to(device)
    said = clip.get_text_features(text.input_ids, attention_mask=text.attention_mask).pooler_output
    layers = [hidden[layer + 1] for layer in model.extract_layers]
    coarse = model.decoder(layers, said).logits  # of half the side
    fine = nn.functional.interpolate(coarse[:, None].float(), size=(SIDE, SIDE), mode="bilinear")[:, 0]
    return layers[-1][:, 1:], said, fine


def new_lessons(random: Random, count: int, *, held_out: bool = False) -> Lessons:
    pictures, prompts, masks, patches, said = list[Any](), list[str](), list[Any](), list[Any](), list[Any]()
    for _ in range(count):
        image, things = scene(random, SIDE, random.choice(THINGS), held_out=held_out)
        prompt, name, truth = ask(things, random)
        pictures.append((np.asarray(image, dtype=np.float32) / 255 - MEAN) / DEVIATION)
        prompts.append(prompt)
        masks.append(np.asarray(truth, dtype=np.float32) / 255)
        patches.append(names_of_patches(things))
        said.append([_number(at, name.split()) for at in range(len(NAMES))])
    return Lessons(
        torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2), prompts, torch.from_numpy(np.stack(masks)),
        torch.from_numpy(np.stack(patches)), torch.tensor(said),
    )  # fmt: skip


def names_of_patches(things: list[Found]) -> NDArray[np.int64]:
    """(patches, 2), row by row."""
    cells = SIDE // PATCH
    names = np.zeros((cells, cells, len(NAMES)), np.int64)
    for thing in things:
        share = np.asarray(thing.mask, dtype=np.float32).reshape(cells, PATCH, cells, PATCH).mean((1, 3)) / 255
        names[share > FREE] = SKIPPED
        names[share >= COVERED] = [_number(at, thing.name.split()) for at in range(len(NAMES))]
    return names.reshape(-1, len(NAMES))


def _number(at: int, words: list[str]) -> int:
    return next((NAMES[at].index(word) + 1 for word in words if word in NAMES[at]), 0)


def ask(things: list[Found], random: Random) -> tuple[str, str, Image.Image]:
    """A prompt, what it names, and its mask, L: a thing by colour and shape, all of one shape, or nothing (black)."""
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
    return random.choice(FORMS).format(words), name, Image.fromarray(truth)


def _absent(things: list[Found], thing: Found, random: Random) -> str:
    """Something near the truth: the shape in another colour, the colour as another shape, or another shape."""
    colour, shape = random.choice(sorted(COLOURS)), random.choice(SHAPES)
    there = {name for each in things for name in (each.name, each.shape)}
    wrong = [name for name in (f"{colour} {thing.shape}", f"{thing.colour} {shape}", shape) if name not in there]
    return random.choice(wrong) if wrong else _absent(things, thing, random)


@torch.no_grad()
def judged(model: nn.Module, tokenizer: CLIPTokenizer, device: torch.device, count: int = 200) -> tuple[float, float]:
    """On held-out scenes: the mean IoU for what is there, and the share of absent things of which nothing was found."""
    random, found, truth = Random(1), list[Tensor](), list[Tensor]()
    for _ in range(0, count, BATCH):
        lessons = new_lessons(random, BATCH, held_out=True)
        found.append(answers(model, tokenizer, lessons, device)[-1].cpu() > 0)
        truth.append(lessons.masks > 0.5)
    all_found, all_truth = torch.cat(found), torch.cat(truth)
    there = all_truth.any(-1).any(-1)
    overlap = (all_found & all_truth).sum((1, 2)) / (all_found | all_truth).sum((1, 2)).clamp_min(1)
    nothing = ~all_found.any(-1).any(-1)
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
