"""Python wheels: fetched with pip for the machine that they are for, by pip's own settings, and whether they fit here.

What pip asks, and of whom, is the operator's pip configuration: an index inside a company works, and so does a folder.
"""

import hashlib
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from email.parser import BytesParser
from importlib.metadata import version
from pathlib import Path
from zipfile import BadZipFile, ZipFile

from packaging.tags import platform_tags, sys_tags
from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from server.bundle.manifest import WHEELS, CarriedWheel, Target
from server.errors.bundles import BundleFailed, BundleRefused

CHECKOUT = Path(__file__).parents[2]
PROJECT = CHECKOUT / "pyproject.toml"
EXTRAS = "connectors,postgres"  # small, and a closed machine cannot get them later
MANYLINUX = re.compile(r"manylinux_2_(\d{1,3})_(\w+)")
OLD_NAMES = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}  # https://peps.python.org/pep-0600/
OLDEST_GLIBC = 5
CUDA_RUNTIME = re.compile(r"nvidia-cuda-runtime(-cu\d+)?")
CUDA_LABEL = re.compile(r"cu(\d{2,3})(\d)")  # of torch's own index: cu130 is 13.0


def this_machine() -> Target:
    """What wheels have to be made for to be of use here."""
    return Target(python=f"{sys.version_info[0]}.{sys.version_info[1]}", platform=next(platform_tags()), cuda=None)


def download(scratch: Path, target: Target) -> tuple[Path, ...]:
    """Darkroom's wheel and every one that it needs, in the versions of constraints.txt. Raises BundleFailed.

    scratch: a folder where those lie that were fetched before for the same; only our own is made anew each time.
    """
    own, partial, whole = scratch / "own", scratch / "wheels.partial", scratch / f"wheels-{_digest(target)}"
    ours = f"darkroom=={version('darkroom')}"
    if PROJECT.is_file():
        shutil.rmtree(own, ignore_errors=True)
        _pip("wheel", "--no-deps", "--wheel-dir", str(own), str(CHECKOUT))
        ours = f"darkroom @ {next(own.absolute().glob('darkroom-*.whl')).as_uri()}"
    if not whole.is_dir():
        shutil.rmtree(partial, ignore_errors=True)
        requirement = ours.replace("darkroom", f"darkroom[{EXTRAS}]", 1)
        pins = ["--constraint", str(constraints_file()), "--only-binary", ":all:"]
        _pip("download", "--dest", str(partial), *pins, *_aims(target), requirement)
        partial.rename(whole)
    found = {wheel.name: wheel for folder in (whole, own) for wheel in folder.glob("*.whl")}
    return tuple(found[name] for name in sorted(found))


def _digest(target: Target) -> str:
    """Of all that decides which wheels are fetched, but for pip's own settings."""
    said = [file.read_text(encoding="utf-8") for file in (constraints_file(), PROJECT) if file.is_file()]
    whole = "\n".join([target.model_dump_json(), version("darkroom"), EXTRAS, *said])
    return hashlib.sha256(whole.encode()).hexdigest()[:12]


def constraints_file() -> Path:
    """constraints.txt of a checkout, or the copy inside an installed package."""
    packaged = Path(__file__).with_name("constraints.txt")
    return packaged if packaged.is_file() else CHECKOUT / "constraints.txt"


def described(wheels: Sequence[Path]) -> tuple[CarriedWheel, ...]:
    return tuple(_described(wheel) for wheel in wheels)


def requirements(wheels: Sequence[CarriedWheel], sha256: Mapping[str, str]) -> str:
    """What pip installs, and verifies by itself. sha256: of the wheels, by their paths in the bundle."""
    return "".join(f"{wheel.name}=={wheel.version} --hash=sha256:{sha256[wheel.file]}\n" for wheel in wheels)


def cuda_of(wheels: Sequence[CarriedWheel]) -> str | None:
    """Whose CUDA the wheels bring: by NVIDIA's own wheel, else by the label of torch's."""
    for wheel in wheels:
        if CUDA_RUNTIME.fullmatch(wheel.name):
            return ".".join(wheel.version.split(".")[:2])
    labels = [wheel.version.partition("+")[2] for wheel in wheels if wheel.name == "torch"]
    found = CUDA_LABEL.fullmatch(labels[0]) if labels else None
    return f"{found[1]}.{found[2]}" if found else None


def check_fit(wheels: Sequence[CarriedWheel]) -> None:
    """Raises BundleRefused where a wheel cannot be installed by this Python on this machine."""
    here, machine = frozenset(sys_tags()), this_machine()
    for wheel in wheels:
        try:
            tags = parse_wheel_filename(Path(wheel.file).name)[3]
        except InvalidWheelFilename as error:
            raise BundleRefused("The bundle has a file among its wheels that is none: somebody changed it.") from error
        if not tags & here:
            raise BundleRefused(
                f"The bundle's wheels are for another platform or Python: export with `--python {machine.python}` "
                f"and `--platform {machine.platform}`."
            )


def _described(wheel: Path) -> CarriedWheel:
    name, number, _, _ = parse_wheel_filename(wheel.name)
    try:
        with ZipFile(wheel) as file:
            inside = next(each for each in file.namelist() if re.fullmatch(r"[^/]+\.dist-info/METADATA", each))
            said = BytesParser().parsebytes(file.read(inside), headersonly=True)
    except (BadZipFile, StopIteration) as error:
        raise BundleFailed(f"What pip brought as {wheel.name} is no wheel: look at the index that it asks.") from error
    licence = said["License-Expression"] or _short(said["License"]) or _classified(said.get_all("Classifier", []))
    return CarriedWheel(name=name, version=str(number), licence=licence, file=f"{WHEELS}/{wheel.name}")


def _short(licence: str | None) -> str | None:
    """Some put the whole text there, and some say that they do not know."""
    licence = (licence or "").strip()
    return licence if 0 < len(licence) <= 100 and "\n" not in licence and licence.upper() != "UNKNOWN" else None


def _classified(classifiers: Sequence[str]) -> str | None:
    named = [line.rpartition(" :: ")[2] for line in classifiers if line.startswith("License :: ")]
    return ", ".join(named) or None


def _aims(target: Target) -> list[str]:
    """Nothing for this machine, which pip knows best."""
    if target == this_machine():
        return []
    platforms = [word for name in _accepted(target.platform) for word in ("--platform", name)]
    return ["--python-version", target.python, "--implementation", "cp", *platforms]


def _accepted(name: str) -> Iterator[str]:
    """The platform and the older ones whose wheels run on it: pip takes its word for no others."""
    found = MANYLINUX.fullmatch(name)
    if found is None:
        yield name
        return
    for minor in range(int(found[1]), OLDEST_GLIBC - 1, -1):
        yield f"manylinux_2_{minor}_{found[2]}"
        if minor in OLD_NAMES:
            yield f"{OLD_NAMES[minor]}_{found[2]}"


def _pip(*words: str) -> None:
    """Its own words go to stderr, where a person sees them."""
    command = [sys.executable, "-m", "pip", *words, "--disable-pip-version-check"]
    if subprocess.run(command, stdout=sys.stderr, check=False).returncode != 0:
        raise BundleFailed("pip could not get the wheels; its reason is above. Its settings: pip config list.")
