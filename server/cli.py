"""The command `darkroom`: serve, models, pull, convert, draw, profile. It composes: it alone picks a worker.

What loads slowly is imported inside the command that needs it, so that `darkroom models` answers at once.
"""

import ctypes
import queue
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from pydantic import TypeAdapter, ValidationError
from rich.console import Console
from rich.filesize import decimal
from rich.markup import escape
from rich.panel import Panel
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TransferSpeedColumn,
    track,
)
from rich.table import Column, Table

from pipelines.catalog import Catalog, Size, default_file
from pipelines.engine.protocol import Cancelled, Event, Failed, Finished, Progressed, Terms, Worker
from pipelines.errors import DarkroomError
from pipelines.planning import text_to_image
from pipelines.tasks import Drawn, Picture
from pipelines.tuning import Tuning
from server.images import Encoding, Format, encode
from server.keys import KEYS_FILE, make_first_key
from server.settings import Settings

SILENCE_SECONDS = 180.0  # after which a drawing process counts as hung
COMPILING_SECONDS = 900.0  # the same where a tick may begin with compiling
GRACE_SECONDS = 10  # for requests in flight when the server is told to stop
USAGE_ERROR = 2
FORMATS: dict[str, Format] = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp"}

app = typer.Typer(
    help="A self-hosted image server.", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)

Device = Annotated[str | None, typer.Option(help="auto, cpu, cuda or cuda:N.")]
ModelsFile = Annotated[Path | None, typer.Option("--models", help="Another catalogue than the one that comes with it.")]


def main() -> None:
    app()


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="The address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="The port to listen on.")] = None,
    device: Device = None,
    models: ModelsFile = None,
    inline: Annotated[bool, typer.Option("--inline", help="Draw in a thread of this process.")] = False,
    no_auth: Annotated[bool, typer.Option("--no-auth", help="Ask for no key; on a loopback address only.")] = False,
) -> None:
    """Start the server."""
    import uvicorn

    from pipelines.logs import configure_logs
    from server.app import create_app

    configure_logs()  # before the catalogue is read, which may have something to say
    auth, worker = False if no_auth else None, "inline" if inline else None
    with told_plainly():
        settings = settings_with(host=host, port=port, device=device, models_file=models, worker=worker, auth=auth)
        catalog = load_catalog(settings)
        made = make_first_key(settings.data) if settings.auth and settings.admin_key is None else None
    server = create_app(settings, catalog, worker_for(settings, catalog))
    welcome(Console(), settings, made)
    # uvicorn stops gracefully, then raises the signal again: a server that was asked to stop has not failed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    uvicorn.run(
        server,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


@app.command("models")
def list_models(models: ModelsFile = None) -> None:
    """List the models of the catalogue, installed or not."""
    with told_plainly():
        catalog = load_catalog(settings_with(models_file=models))
    table = Table(Column("id", no_wrap=True), "kind", "installed", "size", "licence", "can do")
    for model in catalog.models:
        size = decimal(model.size_bytes) if model.size_bytes is not None else "?"
        installed = "yes" if catalog.is_installed(model) else "no"
        table.add_row(model.id, model.kind, installed, size, escape(model.licence), ", ".join(model.tasks))
    console = Console()
    console.print(table)
    console.print("`darkroom pull ID` gets one that is not installed.", highlight=False)


@app.command()
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


@app.command()
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


@app.command()
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
    output.write_bytes(encode(picture, Encoding(FORMATS[output.suffix.lower()])))
    Console().print(f"{output}: {picture.width}x{picture.height}, seed {picture.seed}", highlight=False)


@app.command()
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


def worker_for(settings: Settings, catalog: Catalog) -> Worker:
    """What draws on this machine: a thread, or a process of its own, which a CUDA error cannot take the server with."""
    from pipelines.engine.inline import InlineWorker
    from pipelines.engine.process import ProcessWorker

    on_cuda = settings.device.startswith("cuda") or (settings.device == "auto" and has_cuda())
    if settings.worker == "process" or (settings.worker == "auto" and on_cuda):
        files = models_file(settings), settings.weights_folder
        silence = COMPILING_SECONDS if settings.compile == "on" else SILENCE_SECONDS
        return ProcessWorker(*files, settings.device, tuning_of(settings), silence_seconds=silence)
    return InlineWorker(catalog, settings.device, tuning_of(settings))


def tuning_of(settings: Settings) -> Tuning:
    return Tuning(
        dtype=settings.dtype,
        attention=settings.attention,
        compile=settings.compile,
        memory=settings.memory,
        tf32=settings.tf32,
        deterministic=settings.deterministic,
        idle_seconds=settings.idle_seconds,
        folder=str(settings.data),
    )


def has_cuda() -> bool:
    """Whether NVIDIA's driver is here: torch would know better, but a server whose child draws lives without it."""
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    return True


def settings_with(**given: Any) -> Settings:
    """The settings of the environment, with what the command line gave on top."""
    return Settings(**{name: value for name, value in given.items() if value is not None})


def load_catalog(settings: Settings) -> Catalog:
    return Catalog.load(models_file(settings), settings.weights_folder)


def models_file(settings: Settings) -> Path:
    return settings.models_file or default_file()


def welcome(console: Console, settings: Settings, made: str | None) -> None:
    """Address, key and a line to paste, which stands below the frame and is never wrapped: it must survive a copy."""
    address = f"http://{f'[{settings.host}]' if ':' in settings.host else settings.host}:{settings.port}"
    if not settings.auth:
        key, words = "", "none needed (--no-auth): only this machine can connect"
    elif settings.admin_key is not None:
        key, words = "$DARKROOM_ADMIN_KEY", "the value of DARKROOM_ADMIN_KEY"
    elif made is not None:
        key, words = made, f"{made}\nShown this once; the server keeps only its hash."
    else:
        key = "$DARKROOM_KEY"
        words = f"the one printed at the first start. Lost? Remove {KEYS_FILE} from the data folder and start again."
    table = Table.grid(padding=(0, 2))
    table.add_row("Address", address)
    table.add_row("Explained", f"{address}/docs")
    table.add_row("API key", words)
    console.print(Panel(table, title="Darkroom", expand=False), highlight=False)
    console.print("Draw a picture:\n", highlight=False)
    header = f'-H "Authorization: Bearer {key}" ' if key else ""
    body = '{"task":"text_to_image","prompt":"a big yellow star on a black background"}'
    line = f"curl {header}-H \"Accept: image/png\" -d '{body}' {address}/darkroom/v1/jobs -o star.png\n"
    console.print(line, soft_wrap=True, markup=False, highlight=False)


@contextmanager
def told_plainly() -> Iterator[None]:
    """Mistakes in settings, catalogue and task end the command with a sentence instead of a traceback."""
    try:
        yield
    except DarkroomError as error:
        refuse(error.sentence)
    except ValidationError as error:
        for wrong in error.errors(include_url=False, include_input=False, include_context=False):
            name = ".".join(str(part) for part in wrong["loc"])
            typer.echo(f"darkroom: {name and name + ': '}{wrong['msg'].removeprefix('Value error, ')}", err=True)
        raise typer.Exit(USAGE_ERROR) from None


def refuse(sentence: str, code: int = USAGE_ERROR) -> NoReturn:
    typer.echo(f"darkroom: {sentence}", err=True)
    raise typer.Exit(code)
