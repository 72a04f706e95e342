"""`darkroom backup` and `restore`: all that a server keeps, as one file and back. `darkroom purge` and `audit`."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from server.backups.making import make_backup, named_by_time
from server.backups.restoring import restore_backup
from server.cli.composing import open_store, settings_with, told_plainly
from server.purging import purge as purge_now
from server.settings import Settings
from server.store import audit as audit_rows
from server.store.database import Database


def backup(
    target: Annotated[Path, typer.Argument(metavar="FILE_OR_FOLDER", help="In a folder it gets the time as its name.")],
) -> None:
    """Copy the database and all pictures into one file, while the server runs."""
    file = named_by_time(target, time.time()) if target.is_dir() else target
    bar = Progress(TextColumn("copying"), BarColumn(), MofNCompleteColumn(), TextColumn("files"), console=told())
    with told_plainly(), opened(settings := settings_with()) as database, bar:
        task = bar.add_task("", total=None)
        made = make_backup(
            database, settings.data, file, lambda done, total: bar.update(task, completed=done, total=total)
        )
    console = Console()
    size = decimal(file.stat().st_size)
    console.print(f"{file}: the database and {made.files} files, {size}.", highlight=False, soft_wrap=True)
    if made.lost:
        console.print(f"{made.lost} files that the database names are not on the disk, or damaged.", highlight=False)


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="As `backup` made it.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Lose what the data folder and database hold now.")
    ] = False,
) -> None:
    """Check a backup and put it into the data folder, and the database, that the settings name."""
    bar = Progress(TextColumn("restoring"), BarColumn(), DownloadColumn(), TimeRemainingColumn(), console=told())
    with told_plainly(), opened(settings := settings_with()) as database, bar:
        size = file.stat().st_size
        task = bar.add_task("", total=2 * size)  # it is read twice
        manifest = restore_backup(file, database, settings.data, lambda more: bar.advance(task, more), replace=replace)
        bar.update(task, completed=2 * size)
    made = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(manifest.made))
    Console().print(f"{settings.data} is as it was on {made}.", highlight=False, soft_wrap=True)


def purge(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
) -> None:
    """Remove now what has had its time, as the server does every minute, and files that nothing refers to."""
    with told_plainly(), open_store(settings := settings_with()) as database:
        purged = purge_now(database, settings, time.time(), dry_run=dry_run)
    would = "Would remove" if dry_run else "Removed"
    hidden = f"{purged.hidden} more jobs that are over are not shown any more." if purged.hidden else ""
    files = f"{purged.files} files, {decimal(purged.size)}"
    if purged.files is None:
        files = "no files, because a backup runs"
    Console().print(f"{would} {purged.jobs} jobs, {purged.images} images and {files}. {hidden}", highlight=False)


def audit(
    last: Annotated[int, typer.Option(min=1, help="How many rows.")] = 100,
    what: Annotated[str | None, typer.Option(help="Only these, such as key_made.")] = None,
    account: Annotated[str | None, typer.Option(help="Only what this account did, by its id.")] = None,
) -> None:
    """Show who did what, a JSON object a line, the newest last."""
    with told_plainly(), open_store(settings_with()) as database, database.look() as connection:
        found = audit_rows.page(connection, last, what=what, account=account)
    for entry in reversed(found):
        typer.echo(orjson.dumps(asdict(entry)))


def told() -> Console:
    return Console(stderr=True)


@contextmanager
def opened(settings: Settings) -> Iterator[Database]:
    """As it is: what is backed up may be of an older version, and a server of that one may run on it."""
    database = Database(settings.database)
    try:
        yield database
    finally:
        database.close()
