"""`darkroom draw` and `replay`: pictures without a server."""

import queue
from dataclasses import fields
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from PIL import Image
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from pipelines.engine.protocol import Cancelled, Event, Failed, Finished, Progressed, Terms, Worker
from pipelines.planning import text_to_image
from pipelines.tasks import Drawn, Picture
from server.cli.composing import Device, ModelsFile, load_catalog, refuse, settings_with, told_plainly, worker_for
from server.images import Encoding, Format, encode

FORMATS: dict[str, Format] = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp"}


def draw(
    prompt: Annotated[str, typer.Argument(help="What to draw.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="A .png, .jpg or .webp file.")] = Path("picture.png"),
    model: Annotated[str | None, typer.Option(help="A model's id.")] = None,
    seed: Annotated[int | None, typer.Option(help="The same seed draws the same picture.")] = None,
    steps: Annotated[int | None, typer.Option(help="More steps take longer.")] = None,
    device: Device = None,
    models: ModelsFile = None,
) -> None:
    """Draw one picture without a server."""
    from pipelines.logs import configure_logs

    with told_plainly():
        if output.suffix.lower() not in FORMATS:
            refuse(f"the file must end in one of {', '.join(FORMATS)}")
        if not output.parent.is_dir():
            refuse("the folder for the file does not exist")
        settings = settings_with(device=device, models_file=models)
        catalog = load_catalog(settings)
        task = text_to_image(catalog, model=model, prompt=prompt, seed=seed, steps=steps)
    configure_logs()
    picture = draw_one(worker_for(settings, catalog), task)
    output.write_bytes(encode(picture, Encoding(FORMATS[output.suffix.lower()]), task))
    Console().print(f"{output}: {picture.width}x{picture.height}, seed {picture.seed}", highlight=False)


def replay(
    picture: Annotated[Path, typer.Argument(help="A picture that Darkroom drew.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Keep the new picture, as PNG.")] = None,
    device: Device = None,
    models: ModelsFile = None,
) -> None:
    """Draw a picture again from what its file says, and tell how far the two differ."""
    from pipelines.logs import configure_logs
    from pipelines.provenance import embedded_recipe
    from pipelines.recipe import read

    with told_plainly():
        try:
            old = Image.open(picture, formats=("PNG", "JPEG", "WEBP"))
            old.load()
        except (OSError, SyntaxError, ValueError):
            refuse("this is no whole PNG, JPEG or WEBP picture")
        settings = settings_with(device=device, models_file=models)
        catalog = load_catalog(settings)
        said = read(embedded_recipe(old))
        task = text_to_image(catalog, **{field.name: getattr(said, field.name) for field in fields(said)})
    configure_logs()
    new = draw_one(worker_for(settings, catalog), task)
    if output is not None:
        output.write_bytes(encode(new, Encoding(), task))
    Console().print(difference(old, new), highlight=False)


def difference(old: Image.Image, new: Picture) -> str:
    """In levels of 255. A file that was stored with loss differs where nothing was drawn differently."""
    if old.size != (new.width, new.height):
        return f"The sizes differ: {old.width}x{old.height}, now {new.width}x{new.height}."
    levels = np.abs(np.asarray(old.convert("RGB"), int).ravel() - np.frombuffer(new.pixels, np.uint8))
    if not levels.any():
        return "The same picture, bit for bit."
    return f"The pictures differ by {levels.mean():.2f} of 255 levels on average, {levels.max()} at most."


def draw_one(worker: Worker, task: Drawn) -> Picture:
    """The picture of a task, with a bar of its steps; raises typer.Exit where there is none."""
    events: queue.SimpleQueue[Event] = queue.SimpleQueue()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    worker.start(events.put)
    try:
        worker.submit("draw", task, Terms())
        with Progress(*columns, console=Console(stderr=True)) as progress:
            bar = progress.add_task("loading", total=task.steps)
            while True:
                match events.get():
                    case Progressed(step=step, steps=steps):
                        progress.update(bar, description="drawing", completed=step, total=steps)
                    case Finished(pictures=pictures):
                        return pictures[0]
                    case Failed(sentence=sentence):
                        refuse(sentence, code=1)
                    case Cancelled():
                        refuse("Drawing was cancelled.", code=1)
    finally:
        worker.stop()
