"""The command `darkroom`: one file a group of commands. It composes: it alone picks a worker.

What loads slowly is imported inside the command that needs it, so that `darkroom models` answers at once.
"""

import typer

from server.cli import bundle, care, doctor, draw, keys, models, profile, serve

app = typer.Typer(
    help="A self-hosted image server.", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)
for command in (
    serve.serve, models.models, models.pull, models.convert, draw.draw, draw.replay, profile.profile,
    care.backup, care.restore, care.purge, care.audit, doctor.doctor,
):  # fmt: skip
    app.command()(command)
app.add_typer(keys.keys, name="keys")
app.add_typer(bundle.bundle, name="bundle")


def main() -> None:
    app()
