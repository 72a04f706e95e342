"""`darkroom profile`: what this machine draws best at once."""

from dataclasses import replace
from typing import Annotated

import typer
from pydantic import TypeAdapter
from rich.console import Console
from rich.progress import track
from rich.table import Table

from pipelines.catalog import Size
from server.cli.composing import Device, ModelsFile, load_catalog, settings_with, told_plainly, tuning_of


def profile(
    model: Annotated[str | None, typer.Argument(help="A model's id; else the one that draws by default.")] = None,
    size: Annotated[list[str] | None, typer.Option(help="WIDTHxHEIGHT, as often as you like; else all native.")] = None,
    device: Device = None,
    models: ModelsFile = None,
) -> None:
    """Measure how many pictures are best drawn at once here; `serve` goes by it from its next start."""
    from pipelines.logs import configure_logs
    from pipelines.profiling.fitting import device_named, registry_for
    from pipelines.profiling.measure import measure
    from pipelines.profiling.profile import read_profile, write_profile

    with told_plainly():
        settings = settings_with(device=device, models_file=models)
        catalog = load_catalog(settings)
        entry = catalog.get(model) if model else catalog.default()
        sizes = TypeAdapter(list[Size]).validate_python(size) if size else entry.native_sizes
        configure_logs()
        tuning, place = tuning_of(settings), device_named(settings.device)
        if tuning.compile == "auto":
            tuning = replace(tuning, compile="on")  # what is compiled behind would come in the middle of the measuring
        registry = registry_for(catalog, place, tuning)
        found = read_profile(settings.data, place)
        table = Table("size", "rows: milliseconds of a tick", "most rows", title=f"{entry.id} on {found.device}")
        for width, height in track(sizes, "measuring", console=Console(stderr=True)):
            curve = measure(catalog, registry, entry.id, (width, height), place)
            points = ", ".join(f"{rows}: {1000 * seconds:.0f}" for rows, seconds in curve.seconds.items())
            table.add_row(f"{width}x{height}", points, str(curve.cap))
            found = found.with_curve(curve)
            write_profile(settings.data, found)
    Console().print(table)
