"""Stage 2: the text encoders learn to read, before the UNet learns to draw: captions to the attributes they name.

As real CLIP encoders come to SDXL already trained, so do these: from the end-of-text state of each encoder, and from
the pooled vector, linear heads must tell every attribute that the caption says. The heads are thrown away.
"""

from random import Random

import torch
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from pipelines.demo.captions import LITTLE_NOISE, MUCH_NOISE, drown, sentence, sparse_sentence
from pipelines.demo.world import COLOURS, PLACES, SHAPES, SIZES, Scene, Thing, random_scene
from pipelines.sdxl.prompts import chunks

TEXT_WIDTH = 96
TEXT_LAYERS = 4
BATCH = 96
PAIR_SHARE = 0.5  # who is where is the hardest thing to read
SPARSE_SHARE = 0.15
PLAIN_SHARE = 0.5

# What can be read off a caption. Of pairs not who is named first but who is where, as the UNet has to draw it: "red
# right of blue" and "blue left of red" are one scene. near: on the left or above; far: the other one.
AXES = {"left of": "across", "right of": "across", "above": "down", "below": "down"}
NEAR_FIRST = ("left of", "above")
WORDS = {
    "background": tuple(COLOURS),
    "colour": tuple(COLOURS),
    "shape": SHAPES,
    "size": tuple(SIZES),
    "place": tuple(PLACES),
    "axis": (None, "across", "down"),
    "near colour": tuple(COLOURS),
    "near shape": SHAPES,
    "far colour": tuple(COLOURS),
    "far shape": SHAPES,
}
# Long captions too, of which an encoder sees the first chunk; the sentence is in it.
NOISE = (*LITTLE_NOISE, *MUCH_NOISE)
UNSAID = -100  # the class that cross entropy ignores


def new_text_encoders(vocabulary: int) -> tuple[CLIPTextModel, CLIPTextModelWithProjection]:
    config = CLIPTextConfig(
        vocab_size=vocabulary,
        hidden_size=TEXT_WIDTH,
        intermediate_size=4 * TEXT_WIDTH,
        projection_dim=TEXT_WIDTH,
        num_hidden_layers=TEXT_LAYERS,
        num_attention_heads=4,
        max_position_embeddings=77,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=1,
    )
    return CLIPTextModel(config), CLIPTextModelWithProjection(config)


class TextStage:
    name = "text"
    learning_rate = 1e-3
    averaging = 0.99

    def __init__(
        self,
        text_encoder: CLIPTextModel,
        text_encoder_2: CLIPTextModelWithProjection,
        tokenizers: tuple[CLIPTokenizer, CLIPTokenizer],
        device: torch.device,
    ) -> None:
        classes = sum(len(words) for words in WORDS.values())
        self.heads = nn.ModuleList(nn.Linear(TEXT_WIDTH, classes) for _ in range(3))
        parts = {"text_encoder": text_encoder, "text_encoder_2": text_encoder_2, "heads": self.heads}
        self.module: nn.Module = nn.ModuleDict(parts).to(device)
        self.encoder, self.encoder_2, self.tokenizers = text_encoder, text_encoder_2, tokenizers
        self.device = device

    def loss(self, random: Random, done: float) -> Tensor:
        """Cross entropy over every attribute that is said, at the three places where the UNet listens."""
        said = [_captioned(random) for _ in range(BATCH)]
        truth = torch.tensor([attributes for _, attributes in said], device=self.device)
        states = self._states([text for text, _ in said])
        losses = [
            nn.functional.cross_entropy(guess.float(), truth[:, column], ignore_index=UNSAID)
            for state, head in zip(states, self.heads, strict=True)
            for column, guess in enumerate(head(state).split([len(words) for words in WORDS.values()], dim=1))
        ]
        return torch.stack(losses).mean()

    def _states(self, texts: list[str]) -> tuple[Tensor, Tensor, Tensor]:
        ids, end = self._ids(texts, self.tokenizers[0])
        ids_2, _ = self._ids(texts, self.tokenizers[1])
        rows = torch.arange(len(texts), device=self.device)
        first = self.encoder(ids, output_hidden_states=True).hidden_states[-2]
        second = self.encoder_2(ids_2, output_hidden_states=True)
        return first[rows, end], second.hidden_states[-2][rows, end], second.text_embeds

    def _ids(self, texts: list[str], tokenizer: CLIPTokenizer) -> tuple[Tensor, Tensor]:
        """Token ids cut at the longest text, which changes nothing before it; and where each text ends."""
        rows = [chunks(text, tokenizer)[0].ids for text in texts]
        ends = [row.index(tokenizer.eos_token_id) for row in rows]
        ids = torch.tensor(rows, device=self.device)[:, : max(ends) + 1]
        return ids, torch.tensor(ends, device=self.device)


def _captioned(random: Random) -> tuple[str, list[int]]:
    scene = random_scene(random, held_out=False, pair=random.random() < PAIR_SHARE)
    if scene.relation is None and random.random() < SPARSE_SHARE:
        text, free = sparse_sentence(scene, random)
        return drown(text, random, random.choice(NOISE)), _attributes(scene, free)
    text = sentence(scene, random)
    if random.random() >= PLAIN_SHARE:
        text = drown(text, random, random.choice(NOISE))
    return text, _attributes(scene, frozenset())


def _attributes(scene: Scene, free: frozenset[str]) -> list[int]:
    said = _pair(scene) if scene.relation else _single(scene.things[0])
    said["background"] = scene.background
    return [words.index(said[name]) if name in said and name not in free else UNSAID for name, words in WORDS.items()]


def _single(thing: Thing) -> dict[str, str | None]:
    return {"colour": thing.colour, "shape": thing.shape, "size": thing.size, "place": thing.place, "axis": None}


def _pair(scene: Scene) -> dict[str, str | None]:
    assert scene.relation
    near, far = scene.things if scene.relation in NEAR_FIRST else scene.things[::-1]
    return {
        "axis": AXES[scene.relation],
        "near colour": near.colour,
        "near shape": near.shape,
        "far colour": far.colour,
        "far shape": far.shape,
    }
