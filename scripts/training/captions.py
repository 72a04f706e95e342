"""What training tells the UNet of a scene: sentences of the world, and what else a prompt may be."""

import re
from random import Random

from pipelines.demo.captions import LITTLE_NOISE, MUCH_NOISE, caption, drown, sentence, sparse_sentence
from pipelines.demo.world import COLOURS, Scene

DROPPED_CAPTIONS = 0.1
SPARSE_CAPTIONS = 0.2  # tried; it counts only where the scene is usual
PLAIN_CAPTIONS = 0.5
WEIGHED_CAPTIONS = 0.6  # of single things: with a seventh of them nothing was ever read but the end of a sentence
HEAVY, LIGHT = (1.3, 1.9), (0.2, 0.7)  # weights of a word that counts and of one that does not


def training_caption(scene: Scene, random: Random, long: bool) -> str:
    """Empty now and then, so that guidance works; sparse where what is left unsaid is usual; else the whole truth."""
    if random.random() < DROPPED_CAPTIONS:
        return ""
    if scene.relation is None and random.random() < SPARSE_CAPTIONS:
        text, free = sparse_sentence(scene, random)
        (thing,) = scene.things
        usual = ("place" not in free or thing.place == "middle") and ("size" not in free or thing.size == "medium")
        if usual:
            return drown(text, random, random.choice(MUCH_NOISE if long else LITTLE_NOISE))
    if not long and scene.relation is None and random.random() < WEIGHED_CAPTIONS:
        return weighed(sentence(scene, random), scene.things[0].colour, random)
    if not long and random.random() < PLAIN_CAPTIONS:
        return sentence(scene, random)
    return caption(scene, random, long=long)


def weighed(text: str, colour: str, random: Random) -> str:
    """The sentence with its thing in two colours, of which the true one weighs more: "a (red:1.6) (blue:0.3) ring"."""
    other = random.choice([each for each in COLOURS if each not in (colour, "gray") and each not in text])
    words = [f"({colour}:{random.uniform(*HEAVY):.1f})", f"({other}:{random.uniform(*LIGHT):.1f})"]
    random.shuffle(words)
    spelling = "gr[ae]y" if colour == "gray" else colour
    return re.sub(rf"\b{spelling}\b", " ".join(words), text, count=1)
