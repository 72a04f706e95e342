"""`darkroom doctor`: what is here, what is missing, and what to do about it."""

import json
from dataclasses import asdict
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.console import Console

from pipelines.catalog import Catalog
from pipelines.errors import CatalogInvalid
from server.cli.composing import ModelsFile, load_catalog, settings_with
from server.doctor.findings import Finding, problem
from server.settings import Settings

SIGNS = {"well": "ok", "hint": "hint", "problem": "PROBLEM"}
UNABLE = 1  # the exit status where something stops it from drawing


def doctor(
    models: ModelsFile = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Look at this machine as Darkroom needs it; changes nothing and uses no network. Status 1: it cannot draw so."""
    from server import doctor as examining

    found: list[Finding] = []
    try:
        settings = settings_with(models_file=models)
    except ValidationError as error:
        found = [problem("settings", _first(error), "docs/configuration.md says what each setting may be.")]
    else:
        found = list(examining.findings(settings, _catalog(settings)))
    is_able = all(each.state != "problem" for each in found)
    if as_json:
        typer.echo(json.dumps({"can_draw": is_able, "findings": [asdict(each) for each in found]}, indent=1))
    else:
        show(found)
    if not is_able:
        raise typer.Exit(UNABLE)


def show(found: list[Finding]) -> None:
    console = Console(soft_wrap=True)
    for each in found:
        console.print(f"{SIGNS[each.state]:8}{each.about:12}{each.said}", highlight=False, markup=False)
        if each.remedy:
            console.print(f"{'':20}-> {each.remedy}", highlight=False, markup=False)


def _catalog(settings: Settings) -> Catalog | CatalogInvalid:
    try:
        return load_catalog(settings)
    except CatalogInvalid as error:
        return error


def _first(error: ValidationError) -> str:
    wrong = error.errors(include_url=False, include_input=False, include_context=False)[0]
    name = ".".join(str(part) for part in wrong["loc"])
    return f"{name and name + ': '}{wrong['msg'].removeprefix('Value error, ')}"
