"""The container image, saved by the engine that has it."""

import platform
import shutil
import subprocess
from pathlib import Path

from server.bundle.manifest import CarriedImage
from server.errors.bundles import BundleFailed, BundleRefused

NAME = "darkroom"  # as compose.yaml calls it
PARTIAL = "image.partial"
# How each engine writes the image under that very name: `podman save` would call it localhost/darkroom.
ENGINES = {"docker": ("save", "--output", PARTIAL, NAME), "podman": ("push", NAME, f"docker-archive:{PARTIAL}:{NAME}")}
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}  # ours to those of container engines


def save(folder: Path) -> tuple[CarriedImage, Path]:
    """The image, and its file in `folder`, as `docker load` takes it, unless it is there from before.

    What an engine has to say, such as that its daemon does not run, it says on our stderr. Raises BundleFailed.
    """
    here = {name: engine for name in ENGINES if (engine := shutil.which(name))}
    if not here:
        raise BundleFailed("There is neither docker nor podman here to take the image from: install one of them.")
    for name, engine in here.items():
        asked = [engine, "image", "inspect", "--format", "{{.Architecture}} {{.Id}}", NAME]
        told = subprocess.run(asked, stdout=subprocess.PIPE, text=True, check=False)
        if told.returncode == 0:
            architecture, _, digest = told.stdout.strip().partition(" ")
            file = folder / f"image-{digest.rpartition(':')[2]}.tar"
            if not file.is_file():
                _write([engine, *ENGINES[name]], file)
            return CarriedImage(name=NAME, architecture=architecture), file
    raise BundleFailed(
        "No engine here gave the image; the reason is above. If it is not built yet: "
        f"docker build -f Dockerfile.cuda -t {NAME} ."
    )


def _write(command: list[str], file: Path) -> None:
    """By a command that writes PARTIAL where it is run, of which an earlier one may have left a part."""
    partial = file.with_name(PARTIAL)
    partial.unlink(missing_ok=True)
    if subprocess.run(command, cwd=file.parent, stdout=subprocess.DEVNULL, check=False).returncode != 0:
        raise BundleFailed("The image could not be saved; the reason is above.")
    partial.replace(file)


def check_fit(image: CarriedImage | None) -> None:
    """Raises BundleRefused where the image is for another processor."""
    machine = platform.machine()
    if image is not None and image.architecture != ARCHITECTURES.get(machine, machine):
        raise BundleRefused("The bundle's image is for another processor: build it for this one, and export again.")
