"""What the tests of the shapes model share: its prompts for the judge, its pictures, its figures and their file."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch
from PIL import Image

from pipelines.catalog import Catalog, default_file
from pipelines.demo.captions import drown, sentence
from pipelines.demo.world import Scene, random_scene
from pipelines.drain import draw
from pipelines.planning import text_to_image
from pipelines.registry import Registry
from pipelines.tasks import Task, TextToImage
from tests.judge import verdict

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "pipelines" / "demo" / "shapes-xl"
FIGURES = ROOT / "benchmarks" / "shapes.json"
# Percent right, of 200 of the judge's prompts at 128x128.
TARGETS = {"background": 98.0, "colour": 95.0, "place": 95.0, "shape": 90.0, "size": 90.0}

Size = tuple[int, int]
Tally = dict[str, list[bool]]


def needs(model: str, stage: str) -> pytest.MarkDecorator:
    """Skips where a model of the shapes' world has not been trained yet."""
    reason = f"{model} is not trained yet: scripts/train_demo --stage {stage}"
    return pytest.mark.skipif(not (FOLDER.parent / model).is_dir(), reason=reason)


class Artist:
    """Draws prompts with the committed weights, as the server would."""

    def __init__(self) -> None:
        self.catalog = Catalog.load(default_file(), ROOT / "no-models")
        self.registry = Registry(self.catalog, torch.device("cpu"), torch.float32, None)

    def draw(self, tasks: Sequence[Task]) -> list[Image.Image]:
        """The first picture of each task."""
        pictures = [pictures[0] for pictures in draw(self.catalog, self.registry, tasks)]
        return [Image.frombytes("RGB", (one.width, one.height), one.pixels) for one in pictures]

    def task(self, prompt: str, size: Size = (128, 128), seed: int = 0, **changes: Any) -> TextToImage:
        width, height = size
        return text_to_image(
            self.catalog, model="shapes-xl", prompt=prompt, width=width, height=height, seed=seed, **changes
        )


def judged_scenes(count: int, *, pair: bool = False, seed: int = 2026) -> list[tuple[Scene, str]]:
    """Scenes that training never saw, each with a sentence."""
    random = Random(seed)
    scenes = [random_scene(random, held_out=True, pair=pair) for _ in range(count)]
    return [(scene, sentence(scene, random)) for scene in scenes]


def drowned(scenes: Iterable[tuple[Scene, str]], words: int) -> list[tuple[Scene, str]]:
    """The same scenes with that many words of enhancement around each sentence."""
    random = Random(words)
    return [(scene, drown(text, random, words)) for scene, text in scenes]


def judge(artist: Artist, scenes: Sequence[tuple[Scene, str]], size: Size = (128, 128)) -> Tally:
    """Draw each sentence, prompt i with seed i, and ask the judge: property -> right or wrong, prompt by prompt."""
    tasks = [artist.task(text, size, seed) for seed, (_, text) in enumerate(scenes)]
    tally: Tally = {}
    for (scene, _), image in zip(scenes, artist.draw(tasks), strict=True):
        for name, right in verdict(image, scene).items():
            tally.setdefault(name, []).append(right)
    return tally


def percent(right: Sequence[bool]) -> float:
    return round(100 * sum(right) / len(right), 1)


def table(title: str, tally: Tally) -> list[str]:
    lines = [f"{title:<34}{'prompts':>8}{'right':>7}{'wrong':>7}{'%':>7}"]
    for name, right in tally.items():
        lines.append(f"  {name:<32}{len(right):>8}{sum(right):>7}{len(right) - sum(right):>7}{percent(right):>7}")
    return lines


def weights_sha256() -> str:
    """One sha256 for the whole model: over the names and contents of its files in order."""
    digest = hashlib.sha256()
    for path in sorted(path for path in FOLDER.rglob("*") if path.is_file()):
        digest.update(f"{path.relative_to(FOLDER).as_posix()}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def read_figures() -> dict[str, Any]:
    figures: dict[str, Any] = json.loads(FIGURES.read_text())
    return figures


def write_figures(figures: Mapping[str, Any]) -> None:
    content = {"weights_sha256": weights_sha256(), "command": "scripts/test --full", **figures}
    FIGURES.parent.mkdir(exist_ok=True)
    FIGURES.write_text(json.dumps(content, indent=2) + "\n")
