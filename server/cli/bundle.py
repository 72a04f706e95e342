"""`darkroom bundle export` and `import`: models, wheels and the container image across an air gap (docs/air-gap.md)."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn

from pipelines.catalog import Catalog, default_file
from pipelines.errors import ModelUnknown
from server.bundle.progress import Report
from server.cli.composing import load_catalog, models_file, settings_with, told_plainly

bundle = typer.Typer(no_args_is_help=True, help="Carry models, wheels and the container image across an air gap.")

ALL = "all"
BUNDLES = "bundles"  # a folder in the data folder


@bundle.command("export")
def export_bundle(
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write.")],
    models: Annotated[str | None, typer.Option(help="Ids between commas, or all: also what they need.")] = None,
    wheels: Annotated[bool, typer.Option("--wheels", help="Darkroom and what it needs, as pip finds it.")] = False,
    image: Annotated[bool, typer.Option("--image", help="The container image, from docker or podman.")] = False,
    platform: Annotated[str | None, typer.Option(help="Of the wheels, such as manylinux_2_28_x86_64.")] = None,
    python: Annotated[str | None, typer.Option(help="Of the wheels, such as 3.12.")] = None,
    sign: Annotated[Path | None, typer.Option(help="An Ed25519 key, as PEM.")] = None,
) -> None:
    """Make a bundle of what is named; where nothing is, of all models that are installed."""
    from server.bundle.exporting import Wish, export
    from server.bundle.models import chosen
    from server.bundle.signing import private_key
    from server.bundle.wheels import this_machine

    with told_plainly():
        settings = settings_with()
        catalog = load_catalog(settings)
        named = models or (None if wheels or image else ALL)
        wanted = chosen(catalog, None if named == ALL else named.split(",")) if named else ()
        given = {name: word for name, word in (("platform", platform), ("python", python)) if word}
        target = this_machine().model_copy(update=given) if wheels else None
        own = models_file(settings)
        wish = Wish(wanted, None if own == default_file() else own, target, image)
        with shown() as report:
            made = export(catalog, wish, output, private_key(sign) if sign else None, report)
    contents = f"{len(wanted)} models, {len(made.manifest.wheels)} wheels, {'an' if image else 'no'} image"
    console = Console(soft_wrap=True, highlight=False, markup=False)
    console.print(f"{output}: {decimal(output.stat().st_size)}; {contents}")
    console.print(f"sha256 {made.sha256}")


@bundle.command("import")
def import_bundle(
    file: Annotated[Path, typer.Argument(help="A bundle.")],
    verify: Annotated[Path | None, typer.Option(help="The public key of who has to have signed it, as PEM.")] = None,
) -> None:
    """Verify a bundle as a whole, then install what it holds; an interrupted copy goes on."""
    from server.bundle.importing import Places, bring_in
    from server.bundle.manifest import IMAGE, REQUIREMENTS, WHEELS
    from server.bundle.signing import public_key

    with told_plainly():
        settings = settings_with()
        places = Places(settings.weights_folder, settings.data / BUNDLES)
        with shown() as report:
            brought = bring_in(file, places, public_key(verify) if verify else None, report)
        catalog = load_catalog(settings)
    console = Console(soft_wrap=True, highlight=False, markup=False)
    for model in brought.manifest.models:
        console.print(standing(catalog, model.id))
    if brought.manifest.signed and verify is None:
        console.print("It is signed, and nobody looked by whom: `--verify PUBLIC_KEY` does.")
    if brought.manifest.carries_catalogue and settings.models_file is not None:
        console.print(f"{settings.weights_folder}/models.yaml came with it: DARKROOM_MODELS_FILE names another.")
    if brought.manifest.wheels:
        folder = brought.folder
        console.print("Install the wheels, then start the server anew:")
        console.print(f"  {sys.executable} -m pip install --no-index --find-links {folder / WHEELS} \\")
        console.print(f"    --require-hashes --requirement {folder / REQUIREMENTS}")
    if brought.manifest.image:
        console.print(f"Load the image: docker load --input {brought.folder / IMAGE}")


def standing(catalog: Catalog, name: str) -> str:
    """Whether the server that starts here can use it."""
    try:
        is_installed = catalog.is_installed(catalog.get(name))
    except ModelUnknown:
        return f"{name} is here, but this version's catalogue has no such entry: install the version that exported it."
    return f"{name} is installed." if is_installed else f"{name} is here, but needs another model: export that too."


@contextmanager
def shown() -> Iterator[Report]:
    """A bar for each thing that is done, on stderr."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        bars: dict[tuple[str, int], TaskID] = {}

        def report(what: str, done: int, total: int) -> None:
            if (what, total) not in bars:
                bars[what, total] = progress.add_task(what, total=total)
            progress.update(bars[what, total], completed=done)

        yield report
