"""What a picture adds to a prompt's pooled vector: what naming its two colours would have added, if none are named.

The shapes model takes the colour of a thing from there alone (docs/shapes.md), where cross attention does not reach.
"""

from itertools import permutations
from random import Random

import torch
from rich.progress import track
from torch import Tensor, nn

from pipelines.demo.captions import LITTLE_NOISE, drown, sentence
from pipelines.demo.draw import draw_scene
from pipelines.demo.world import COLOURS, PLACES, SHAPES, SIZES, Scene, Thing, random_scene
from pipelines.sdxl.ip_adapter import IpAdapter
from pipelines.sdxl.prompts import TextEncoders, stack
from training.ip_adapter import SIDE, colourless_sentence

PAIRS = list(permutations(COLOURS, 2))  # of a thing and its ground
SENTENCES, REFERENCES = 32, 12  # for each pair
TOLD, TOLD_USUAL = "{a_thing} {place} on {a_background} background", "a {colour} {shape} on {a_background} background"
NOISY, COLOURFUL = 0.3, 0.25  # of the sentences: with words around them; whose colours are said, where nothing is added
BATCH = 256


class PooledStage:
    """Its layers learn from sentences and embeddings that were made once; the encoders do not move."""

    name = "ip_pooled"
    learning_rate = 2e-3
    averaging = 0.995

    def __init__(self, adapter: IpAdapter, encoders: TextEncoders, device: torch.device) -> None:
        assert adapter.pooled is not None
        self.module: nn.Module = adapter.pooled.to(device)
        self.pooled, self.added = (each.to(device) for each in said(encoders))
        self.embedded = seen(adapter.to(device))
        self.spread = self.added.std()

    def loss(self, random: Random, done: float) -> Tensor:
        """Of an answer of zeros it is about 1."""
        pairs = [random.randrange(len(PAIRS)) for _ in range(BATCH)]
        sentences = [random.randrange(SENTENCES) for _ in pairs]
        references = [random.randrange(REFERENCES) for _ in pairs]
        with torch.autocast(self.embedded.device.type, enabled=False):
            added = self.module(self.embedded[pairs, references], self.pooled[pairs, sentences])
            return nn.functional.mse_loss(added / self.spread, self.added[pairs, sentences] / self.spread)


@torch.no_grad()
def said(encoders: TextEncoders) -> tuple[Tensor, Tensor]:
    """(pairs, sentences, width) both: what is said of things, and what naming their colours adds to that."""
    random, pooled, added = Random("pooled"), list[Tensor](), list[Tensor]()
    for colour, ground in track(PAIRS, "reading colours"):
        texts = [_sentences(colour, ground, random) for _ in range(SENTENCES)]
        without, told = (stack(encoders.read([text[at] for text in texts]))[-1].float() for at in (0, 1))
        pooled.append(without)
        added.append(told - without)
    return torch.stack(pooled), torch.stack(added)


def _sentences(colour: str, ground: str, random: Random) -> tuple[str, str]:
    """One without colours, and the same with them; or twice one that says others."""
    usual = random.random() < 0.5
    size, place = ("medium", "middle") if usual else (random.choice(tuple(SIZES)), random.choice(tuple(PLACES)))
    scene = Scene(ground, (Thing(colour, random.choice(SHAPES), size, place),))
    if random.random() < COLOURFUL:
        own = sentence(random_scene(random, held_out=False), random)
        return own, own
    texts = colourless_sentence(scene, random), sentence(scene, random, TOLD_USUAL if usual else TOLD)
    words, seed = random.choice(LITTLE_NOISE) if random.random() < NOISY else 0, random.getrandbits(32)
    return drown(texts[0], Random(seed), words), drown(texts[1], Random(seed), words)


@torch.no_grad()
def seen(adapter: IpAdapter) -> Tensor:
    """(pairs, references, embedding): of pictures in their colours, whatever else they show."""
    random, found = Random("seen"), list[Tensor]()
    for colour, ground in track(PAIRS, "looking at colours"):
        things = [random_scene(random, held_out=False).things[0] for _ in range(REFERENCES)]
        scenes = [Scene(ground, (Thing(colour, thing.shape, thing.size, thing.place),)) for thing in things]
        found.append(adapter.embedded(adapter.pixels_of([draw_scene(each, SIDE, SIDE, random) for each in scenes]))[0])
    return torch.stack(found)
