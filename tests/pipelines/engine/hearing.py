"""What the tests of the workers share: a catalogue of one fake model, tasks for it, ears for what a worker tells."""

import os
import threading
from collections.abc import Callable
from pathlib import Path

from pipelines.engine.protocol import Cancelled, Event, Failed, Finished
from pipelines.fake import flat_colour
from pipelines.tasks import Picture, TextToImage

PATIENCE_SECONDS = 120
MODELS = """
models:
  - id: fake
    name: Fake
    kind: fake
    description: Flat colours.
    licence: Apache-2.0
    files: [{path: fake.safetensors}]
    dtype: float32
    defaults: {steps: 20, guidance_scale: 4.0, sampler: euler, width: 64, height: 64}
    native_sizes: [64x64]
    direct: {min_side: 64, max_side: 256, min_pixels: 4096, max_pixels: 65536}
"""


def write_catalogue(folder: Path, *, installed: bool = True) -> tuple[Path, Path]:
    """A models file and a models folder with the one model `fake`."""
    models_file, models_folder = folder / "models.yaml", folder / "models"
    models_file.write_text(MODELS)
    (models_folder / "fake").mkdir(parents=True)
    if installed:
        (models_folder / "fake" / "fake.safetensors").touch()
    return models_file, models_folder


def task(prompt: str = "a ring", *, model: str = "fake", steps: int = 3, seed: int = 1, count: int = 1) -> TextToImage:
    return TextToImage(model, prompt, "", 64, 64, steps, 4.0, "euler", seed, count)


def has_its_colour(picture: Picture) -> bool:
    return picture.pixels == bytes(flat_colour(picture.seed)) * (64 * 64)


class Ears:
    """Collects events and lets a test wait for them."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._news = threading.Condition()

    def hear(self, event: Event) -> None:
        with self._news:
            self.events.append(event)
            self._news.notify_all()

    def of(self, job_id: str) -> list[Event]:
        return [event for event in self.events if event.job_id == job_id]

    def ends(self, job_id: str) -> list[Event]:
        """Those events after which there should be no other."""
        return [event for event in self.of(job_id) if isinstance(event, Finished | Failed | Cancelled)]

    def wait_for(self, kind: type[Event], *job_ids: str) -> None:
        self._wait(lambda: all(any(isinstance(event, kind) for event in self.of(job_id)) for job_id in job_ids))

    def wait_for_end(self, *job_ids: str) -> None:
        self._wait(lambda: all(self.ends(job_id) for job_id in job_ids))

    def _wait(self, heard: Callable[[], bool]) -> None:
        with self._news:
            assert self._news.wait_for(heard, PATIENCE_SECONDS), f"never came; the last were {self.events[-5:]}"


def children_of(pid: int) -> list[int]:
    """The workers' children among the processes that `pid` has started; Linux only."""
    listed = " ".join(file.read_text() for file in Path(f"/proc/{pid}/task").glob("*/children"))
    return [int(child) for child in listed.split() if b"pipelines.engine.child" in _command(int(child))]


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return bool(_command(pid))  # a zombie has none


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):  # it has just ended
        return b""
