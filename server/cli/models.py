"""`darkroom models`, `pull` and `convert`: what is known, what is installed, and how to get more."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.filesize import decimal
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn
from rich.table import Column, Table

from server.cli.composing import ModelsFile, load_catalog, settings_with, told_plainly

WIDE = 120  # characters of a terminal that has room for words about each model


def models(file: ModelsFile = None) -> None:
    """List the models of the catalogue, installed or not; a wide terminal shows licence and tasks too."""
    with told_plainly():
        catalog = load_catalog(settings_with(models_file=file))
    console = Console()
    is_wide = console.width >= WIDE
    words = ("licence", "can do") if is_wide else ()
    table = Table(Column("id", no_wrap=True), "kind", "installed", "size", *words, box=None)
    for model in catalog.models:
        size = decimal(model.size_bytes) if model.size_bytes is not None else "?"
        installed = "yes" if catalog.is_installed(model) else "no"
        said = (escape(model.licence), ", ".join(model.tasks)) if is_wide else ()
        table.add_row(model.id, model.kind, installed, size, *said)
    console.print(table)
    console.print("\n`darkroom pull ID` gets one that is not installed.", highlight=False)


def pull(name: Annotated[str, typer.Argument(help="A model's id.")], models: ModelsFile = None) -> None:
    """Download a model, and what it needs; broken-off downloads go on where they stopped."""
    from pipelines.pull import pull as pull_model

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with told_plainly():
        catalog = load_catalog(settings_with(models_file=models))
        needed = catalog.to_pull(catalog.get(name))
        with Progress(*columns, console=Console(stderr=True)) as progress:
            bars: dict[str, TaskID] = {}

            def report(file: str, here: int, size: int) -> None:
                if file not in bars:
                    bars[file] = progress.add_task(file, total=size)
                progress.update(bars[file], completed=here)

            for needed_name in needed:
                bars.clear()
                pull_model(catalog, needed_name, report)
    Console().print(f"{name} is installed." if needed else f"{name} was installed already.", highlight=False)


def convert(
    source: Annotated[Path, typer.Argument(help="A .pth file with the weights of an upscaler.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="A .safetensors file; else beside it.")] = None,
) -> None:
    """Turn an upscaler's .pth file, which may hold code and is never opened by the server, into .safetensors."""
    from pipelines.convert import convert as convert_file

    output = output or source.with_suffix(".safetensors")
    with told_plainly():
        convert_file(source, output)
    Console().print(f"{output}: put it into the folder upscalers of your models.", highlight=False)
