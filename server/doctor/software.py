"""What is installed of what Darkroom needs and may use, in which versions."""

import platform
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, requires, version

from packaging.requirements import Requirement

from server.doctor.findings import Finding, hint, problem, well

TOLD = ("darkroom", "torch", "torchvision", "diffusers", "transformers", "safetensors", "onnxruntime")
OPTIONAL: Mapping[str, tuple[str, str]] = {  # what is lost without it, and the extra of ours that brings it
    "xformers": ("attention by xformers", "xformers"),
    "botocore": ("connector to S3", "connectors"),
    "paramiko": ("connector to SFTP", "connectors"),
    "psycopg": ("database on PostgreSQL", "postgres"),
}


def look() -> Iterator[Finding]:
    yield well("python", f"{platform.python_version()} on {platform.platform()}")
    yield well("packages", ", ".join(f"{name} {installed(name) or 'absent'}" for name in TOLD))
    for requirement in needed():
        yield from _wanting(requirement)
    for name, (use, extra) in OPTIONAL.items():
        if installed(name) is None:
            remedy = f"If you want it: {sys.executable} -m pip install 'darkroom[{extra}]'"
            yield hint("packages", f"{name} is not installed: no {use}.", remedy)


def needed() -> list[Requirement]:
    """What this version cannot do without here."""
    try:
        every = [Requirement(line) for line in requires("darkroom") or []]
    except PackageNotFoundError:  # run from its source
        return []
    return [each for each in every if each.marker is None or each.marker.evaluate({"extra": ""})]


def installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _wanting(requirement: Requirement) -> Iterator[Finding]:
    remedy = "Install Darkroom anew: `scripts/serve`, or pip with the wheels of a bundle."
    found = installed(requirement.name)
    if found is None:
        yield problem("packages", f"{requirement.name} is not installed.", remedy)
    elif not requirement.specifier.contains(found, prereleases=True):
        yield problem("packages", f"{requirement.name} is {found}, and has to be {requirement.specifier}.", remedy)
