"""Run by the promises about processes: a whole server on a data folder, told to stop and killed like any other.

The arguments are the data folder, the port, and what draws: `steps`, a thread without a model that takes its time and
dies of the prompt !exit; `kinds`, one that ends tasks of every kind at once; `child`, the worker in a process with the
model `fake`. Settings come from the environment.
"""

import os
import sys
import time
from pathlib import Path

import yaml

from pipelines.catalog import Catalog
from pipelines.engine.process import ProcessWorker
from pipelines.engine.protocol import Cancelled, Failed, Finished, Listener, Worker
from pipelines.entries import DRAWING_KINDS, TASKS
from pipelines.logs import Logs, configure_logs
from pipelines.tasks import Describe, Description, Drawing, Picture, Task, TextToImage, Upscale
from server.app import create_app
from server.cli.draining import listen
from server.settings import Settings
from tests.pipelines.engine.hearing import write_catalogue
from tests.server.serving import KEY, MODELS, small_catalog
from tests.server.worker import StepWorker, flat_colour

DRAWING_SECONDS = 0.2


class MortalWorker(StepWorker):
    def _drawn(self, job_id: str, task: Task, listener: Listener) -> Finished | Failed | Cancelled:
        time.sleep(DRAWING_SECONDS)
        if isinstance(task, TextToImage) and task.prompt == "!exit":
            os._exit(1)
        return super()._drawn(job_id, task, listener)


class QuickWorker(StepWorker):
    """Draws the same for everything, at once; only a drawing has a seed, and may be of several pictures."""

    def _drawn(self, job_id: str, task: Task, listener: Listener) -> Finished | Failed | Cancelled:
        if isinstance(task, Describe):
            return Finished(job_id, (), Description((), "0" * 16, 1.0, (), caption="a picture"))
        drawn = task.over or task if isinstance(task, Upscale) else task  # an enlargement may be drawn over
        seeds = range(drawn.seed, drawn.seed + drawn.count) if isinstance(drawn, Drawing) else [None]
        return Finished(job_id, tuple(Picture(8, 8, flat_colour(0) * 64, seed, (8, 8), task.model) for seed in seeds))


def kinds_catalog(folder: Path) -> Catalog:
    """Something is installed for every kind of task; planning only looks whether the files are there."""
    entries = yaml.safe_load(MODELS)["models"]
    there = {*DRAWING_KINDS, *(entry["kind"] for entry in entries)}
    missing = [kind for kind, tasks in TASKS.items() if tasks and kind not in there]
    others = [{**entries[-1], "id": kind, "kind": kind} for kind in missing]
    others.append({**entries[-1], "id": "canny-depth-scribble", "kind": "controlnet"})
    models = [entry for entry in entries if entry["id"] != "absent"] + others
    (folder / "models.yaml").write_text(yaml.safe_dump({"models": models}))
    for model in models:
        file = folder / "models" / model["id"] / model["files"][0]["path"]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    return Catalog.load(folder / "models.yaml", folder / "models")


def what_draws(kind: str, folder: Path) -> tuple[Catalog, Worker]:
    if kind == "child":
        files = folder / "models.yaml", folder / "models"
        if not files[0].exists():
            write_catalogue(folder)
        return Catalog.load(*files), ProcessWorker(*files, "cpu", stop_seconds=1)
    if kind == "kinds":
        return kinds_catalog(folder), QuickWorker()
    return small_catalog(folder), MortalWorker()


if __name__ == "__main__":
    data = Path(sys.argv[1])
    settings = Settings(data=data, port=int(sys.argv[2]), admin_key=KEY)
    configure_logs(Logs("json"))
    listen(create_app(settings, *what_draws(sys.argv[3], data)), settings)
