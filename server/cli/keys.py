"""`darkroom keys create`, `list` and `revoke`: keys without a key, for whoever may read the data folder."""

import time
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from server.cli.composing import open_store, refuse, settings_with, told_plainly
from server.keys import ADMIN, Key, Scope, new_key
from server.store import accounts as account_rows
from server.store import keys as rows
from server.store.audit import noted

keys = typer.Typer(help="Make, list and revoke API keys.", no_args_is_help=True)

OfAccount = Annotated[str, typer.Option(help="The account's id.")]


@keys.command()
def create(
    name: Annotated[str, typer.Option(help="What it is for.")] = "made by hand",
    account: OfAccount = ADMIN,
    scope: Annotated[list[Scope] | None, typer.Option(help="What it may do, more than once; all where absent.")] = None,
    model: Annotated[list[str] | None, typer.Option(help="What it may draw with, more than once.")] = None,
    days: Annotated[float | None, typer.Option(min=0, help="After which it opens nothing.")] = None,
) -> None:
    """Make a key, and show it this once."""
    now = time.time()
    expires = None if days is None else now + 86_400 * days
    models = None if not model else frozenset(model)
    key, secret = new_key(account, name, now, scopes=frozenset(scope or Scope), models=models, expires=expires)
    with told_plainly(), open_store(settings_with()) as database, database.begin() as connection:
        if account_rows.get(connection, account) is None:
            refuse("no account has this id")
        noted(rows.put, "key_made", key.id, of=account, scopes=sorted(key.scopes), expires=expires)(connection, key)
    typer.echo(secret)


@keys.command("list")
def list_(account: OfAccount = ADMIN) -> None:
    """List the keys of an account, also those that open nothing any more."""
    with told_plainly(), open_store(settings_with()) as database, database.look() as connection:
        found = rows.of_account(connection, account)
    key_id = Column("id", no_wrap=True, min_width=16)
    table = Table(key_id, "name", "may", "models", "made", "ends", "last used", "open")
    for key in found:
        may, models = " ".join(sorted(key.scopes)), "all" if key.models is None else " ".join(sorted(key.models))
        days = day(key.created), day(key.expires), day(key.last_used)
        table.add_row(key.id, escape(key.name), may, escape(models), *days, "yes" if is_open(key) else "no")
    Console().print(table)


@keys.command()
def revoke(key_id: Annotated[str, typer.Argument(metavar="ID", help="The id that `list` shows.")]) -> None:
    """From now on it opens nothing."""
    with told_plainly(), open_store(settings_with()) as database, database.begin() as connection:
        key = rows.get(connection, key_id)
        if key is None:
            refuse("no key has this id; `darkroom keys list` shows those of an account")
        noted(rows.revoke, "key_revoked", key_id, of=key.account)(connection, key_id, time.time())
    Console().print(f"{key_id} opens nothing any more.", highlight=False)


def day(moment: float | None) -> str:
    return "never" if moment is None else datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d")


def is_open(key: Key) -> bool:
    return key.revoked is None and (key.expires is None or key.expires > time.time())
