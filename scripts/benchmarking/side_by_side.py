"""An operation through the engine and by a plain call, in turns: seconds, and the memory that it takes at its peak."""

import io
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from statistics import median

import numpy as np
import torch
from PIL import Image

from benchmarking.operations import Operation
from benchmarking.replay import Stage, finished_of
from pipelines.canvas import picture_of
from pipelines.catalog import Catalog
from pipelines.demo.draw import draw_scene
from pipelines.demo.world import Scene, Thing
from pipelines.engine.loop import Engine
from pipelines.engine.protocol import Event, Finished
from pipelines.planning.installed import first_installed
from pipelines.png import png
from pipelines.tasks import Picture, Task
from pipelines.upscale.enlargement import Enlargement, tick
from pipelines.upscale.network import load_upscaler
from pipelines.upscale.tiles import MARGIN

SMOOTH = 8  # pixels between the colours of a made-up photograph
STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
CLEAR_PEAK = "5"  # proc_pid_clear_refs(5)

Figures = dict[str, float | None]


def photograph(side: int) -> Image.Image:
    """Smooth colours with grain: what cameras give, as far as speed is concerned."""
    chance = np.random.default_rng(0)
    coarse = chance.integers(0, 256, (side // SMOOTH + 1, side // SMOOTH + 1, 3), np.uint8)
    smooth = np.asarray(Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC), np.float32)
    grain = chance.normal(0, 4, smooth.shape)
    return Image.fromarray((smooth + grain).clip(0, 255).astype(np.uint8))


def shapes(side: int) -> Image.Image:
    """What the shapes models know: a red circle beside a green square."""
    things = Thing("red", "circle", "medium", "left"), Thing("green", "square", "medium", "right")
    return draw_scene(Scene("white", things, "beside"), side, side, Random(0))


def compared(stage: Stage, operation: Operation, image: Image.Image, rounds: int, least_seconds: float) -> Figures:
    """Medians of the rounds, after one that warms up: so many at least, and more while they took less than that.

    ratio: our seconds over those of the plain call, in the same round: what else the machine does befalls both.
    file_ratio: the same from PNG file to PNG file, both written by our writer: what somebody waits for.
    """
    plain, file = operation.plain, png(image)
    ways: dict[str, Callable[[], object]] = {
        "": lambda: by_engine(stage, operation.task(stage.catalog, image)),
        "file_": lambda: _written(by_engine(stage, operation.task(stage.catalog, _opened(file)))),
    }
    if plain is not None:
        ways |= {"plain_": lambda: plain(image), "plain_file_": lambda: png(plain(_opened(file)))}
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for call in ways.values():
        call()
    while len(seconds[""]) < rounds or sum(map(sum, seconds.values())) < least_seconds:
        for way, call in ways.items():
            seconds[way].append(_seconds(call))
    found: Figures = dict.fromkeys(("plain_seconds", "plain_file_seconds", "plain_mebibytes", "ratio", "file_ratio"))
    found |= {f"{way}seconds": round(median(times), 5) for way, times in seconds.items()}
    found |= {f"{way}mebibytes": peak_mebibytes(call) for way, call in ways.items() if not way.endswith("file_")}
    if plain is not None:
        for way in ("", "file_"):
            ratios = [ours / theirs for ours, theirs in zip(seconds[way], seconds[f"plain_{way}"], strict=True)]
            found[f"{way}ratio"] = round(median(ratios), 3)
    return found


def by_engine(stage: Stage, task: Task) -> Picture | None:
    """The picture that comes of a task, if it is one that gives any. Raises RuntimeError where it fails."""
    told: list[Event] = []
    engine = Engine(stage.catalog, stage.registry, told.append, stage.memory)
    engine.submit("0", task)
    while not finished_of(told):
        engine.turn()
    (pictures,) = (event.pictures for event in told if isinstance(event, Finished))
    return pictures[0] if pictures else None


def _opened(file: bytes) -> Image.Image:
    return Image.open(io.BytesIO(file)).convert("RGB")


def _written(picture: Picture | None) -> bytes:
    return png(picture_of(picture)) if picture else b""


def peak_mebibytes(call: Callable[[], object]) -> float | None:
    """How far the process's resident memory rises while it runs; None where the kernel does not say (Linux does)."""
    try:
        CLEAR.write_text(CLEAR_PEAK)
        before = _status("VmRSS")
        call()
        return round((_status("VmHWM") - before) / 1024, 1)
    except (OSError, KeyError):
        return None


def tile_rates(catalog: Catalog, image: Image.Image, together: Sequence[int], rounds: int) -> dict[str, float]:
    """Tiles a second by how many go through the network at once, of the first upscaler that is installed."""
    entry = first_installed(catalog, "upscaler")
    if entry is None:
        return {}
    upscaler = load_upscaler(catalog.folder(entry) / entry.files[0].path, torch.device("cpu"), torch.float32)
    size = image.width * upscaler.scale, image.height * upscaler.scale

    def enlarged(count: int) -> float:
        picture = Enlargement(image, size, upscaler.scale, side=max(2 * MARGIN + 32, image.width // 4))
        tiles = picture.left

        def all_tiles() -> None:
            while picture.left:
                tick(upscaler, [(picture, min(count, picture.left))])

        return tiles / _seconds(all_tiles)

    rates = {count: [enlarged(count) for _ in range(1 + rounds)] for count in together}
    return {str(count): round(median(found[1:]), 2) for count, found in rates.items()}


def _seconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def _status(name: str) -> int:
    """Of this process, in KiB. Raises KeyError."""
    lines = dict(line.split(":", 1) for line in STATUS.read_text(encoding="utf-8").splitlines())
    return int(lines[name].split()[0])
