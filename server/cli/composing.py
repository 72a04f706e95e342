"""What several commands share: options, settings with what the command line gave, catalogue, worker, plain errors."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from alembic.util import CommandError
from pydantic import ValidationError

from pipelines.catalog import Catalog, default_file
from pipelines.engine.protocol import Worker
from pipelines.errors import DarkroomError
from pipelines.logs import Logs
from pipelines.tuning import Tuning
from server.errors import DatabaseLost
from server.keys import take_over
from server.settings import Settings
from server.store.database import Database
from server.store.migrate import migrate

SILENCE_SECONDS = 180.0  # after which a drawing process counts as hung
COMPILING_SECONDS = 900.0  # the same where a tick may begin with compiling
USAGE_ERROR = 2
STARTUP_FAILURE = 3  # as uvicorn ends where it cannot start; a service may try again

Device = Annotated[str | None, typer.Option(help="auto, cpu, cuda or cuda:N.")]
ModelsFile = Annotated[Path | None, typer.Option("--models", help="Another catalogue than the one that comes with it.")]


def worker_for(settings: Settings, catalog: Catalog) -> Worker:
    """What draws on this machine: a thread, or a process of its own, which a CUDA error cannot take the server with."""
    from pipelines.engine.inline import InlineWorker
    from pipelines.engine.process import ProcessWorker

    on_cuda = settings.device.startswith("cuda") or (settings.device == "auto" and has_cuda())
    if settings.worker == "process" or (settings.worker == "auto" and on_cuda):
        files = models_file(settings), settings.weights_folder
        silence = COMPILING_SECONDS if settings.compile == "on" else SILENCE_SECONDS
        tuning, logs = tuning_of(settings), logs_of(settings)
        return ProcessWorker(*files, settings.device, tuning, logs=logs, silence_seconds=silence)
    return InlineWorker(catalog, settings.device, tuning_of(settings))


def logs_of(settings: Settings) -> Logs:
    return Logs(settings.log_format, settings.log_level)


def tuning_of(settings: Settings) -> Tuning:
    return Tuning(
        dtype=settings.dtype,
        attention=settings.attention,
        compile=settings.compile,
        memory=settings.memory,
        tf32=settings.tf32,
        deterministic=settings.deterministic,
        idle_seconds=settings.idle_seconds,
        host_cache=settings.host_cache,
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
    """The operator's catalogue, or one that a bundle brought into the models folder, or the one that comes with us."""
    brought = settings.weights_folder / "models.yaml"
    return settings.models_file or (brought if brought.is_file() else default_file())


@contextmanager
def open_store(settings: Settings) -> Iterator[Database]:
    """The database as this version wants it; where it cannot be had, the command ends with a sentence.

    Keys that an admin key has put out of use stay so.
    """
    database = Database(settings.database)
    try:
        try:
            migrate(database)
        except DatabaseLost:
            refuse("The database does not answer: see that it runs, and what DARKROOM_DATABASE_URL says.", code=1)
        except CommandError:
            refuse("A later version of Darkroom made this database: start that one, or take another.", code=1)
        if settings.admin_key is None:
            take_over(database, settings.data)
        yield database
    finally:
        database.close()


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
