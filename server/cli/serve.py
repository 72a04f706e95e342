"""`darkroom serve`: the server, and the panel that it starts with."""

from typing import Annotated

import typer
from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from server.cli.composing import (
    STARTUP_FAILURE,
    Device,
    ModelsFile,
    load_catalog,
    logs_of,
    open_store,
    refuse,
    settings_with,
    told_plainly,
    worker_for,
)
from server.doctor.places import of_address
from server.keys import make_first_key
from server.limits.tiers import Tiers
from server.prompts.blocklist import Blocklist
from server.prompts.library import Library
from server.secret_files import open_to_others
from server.settings import Settings


def serve(
    host: Annotated[str | None, typer.Option(help="The address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="The port to listen on.")] = None,
    device: Device = None,
    models: ModelsFile = None,
    inline: Annotated[bool, typer.Option("--inline", help="Draw in a thread of this process.")] = False,
    no_auth: Annotated[bool, typer.Option("--no-auth", help="Ask for no key; on a loopback address only.")] = False,
) -> None:
    """Start the server."""
    import structlog

    from pipelines.logs import configure_logs
    from server.app import create_app
    from server.cli.draining import listen

    auth, worker = False if no_auth else None, "inline" if inline else None
    with told_plainly():
        settings = settings_with(host=host, port=port, device=device, models_file=models, worker=worker, auth=auth)
        configure_logs(logs_of(settings))  # before the catalogue is read, which may have something to say
        for variable in open_to_others(settings.secret_names()):
            structlog.get_logger().warning("secret_file_readable_by_others", variable=variable)
        catalog = load_catalog(settings)
        # Mistakes in these files are told before a first key is made, which would be shown to nobody.
        Blocklist.load(settings.blocklist)
        Library(settings.data / "prompts")
        Tiers.load(settings.limits_file)
        see_that_we_can_listen(settings)
        made = first_key(settings)
    server = create_app(settings, catalog, worker_for(settings, catalog))
    welcome(Console(), settings, made)
    listen(server, settings)


def see_that_we_can_listen(settings: Settings) -> None:
    """Before the panel invites anybody; whoever takes the port between here and there is told of by uvicorn."""
    for finding in of_address(settings.host, settings.port):
        if finding.remedy:
            refuse(f"{finding.said} {finding.remedy}", STARTUP_FAILURE)


def first_key(settings: Settings) -> str | None:
    """A key to be shown, where one is needed and there never was any; the database has to answer in any case."""
    with open_store(settings) as database:
        is_needed = settings.auth and settings.admin_key is None
        return make_first_key(database) if is_needed else None


def welcome(console: Console, settings: Settings, made: str | None) -> None:
    """Address, key and a line to paste, which stands below the frame and is never wrapped: it must survive a copy."""
    scheme = "http" if settings.tls_certificate is None else "https"
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    address = settings.public_url or f"{scheme}://{host}:{settings.port}"
    if not settings.auth:
        key, words = "", "none needed (--no-auth): only this machine can connect"
    elif settings.admin_key is not None:
        key, words = "$DARKROOM_ADMIN_KEY", "the value of DARKROOM_ADMIN_KEY"
    elif made is not None:
        key, words = made, f"{made}\nShown this once; the server keeps only its hash."
    else:
        key = "$DARKROOM_KEY"
        words = "the one printed at the first start. Lost? `darkroom keys create` makes another."
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
