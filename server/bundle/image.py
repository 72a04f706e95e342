"""The container image, saved by the engine that has it."""

import platform
import shutil
import subprocess
from pathlib import Path

from server.bundle.manifest import CarriedImage
from server.errors.bundles import BundleFailed, BundleRefused

NAME = "darkroom"  # as compose.yaml calls it
ENGINES = ("docker", "podman")
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}  # ours to those of container engines


def save(folder: Path) -> tuple[CarriedImage, Path]:
    """The image, and its file in `folder`, as `docker load` takes it, unless it is there from before.

    Raises BundleFailed.
    """
    engine = next((found for name in ENGINES if (found := shutil.which(name))), None)
    if engine is None:
        raise BundleFailed("There is neither docker nor podman here to take the image from: install one of them.")
    asked = [engine, "image", "inspect", "--format", "{{.Architecture}} {{.Id}}", NAME]
    told = subprocess.run(asked, capture_output=True, text=True, check=False)
    if told.returncode != 0:
        raise BundleFailed(f"There is no image: docker build -f Dockerfile.cuda -t {NAME} . makes it.")
    architecture, _, digest = told.stdout.strip().partition(" ")
    file, partial = folder / f"image-{digest.rpartition(':')[2]}.tar", folder / "image.partial"
    if not file.is_file():
        if subprocess.run([engine, "save", "--output", str(partial), NAME], check=False).returncode != 0:
            raise BundleFailed("The image could not be saved; the reason is above.")
        partial.replace(file)
    return CarriedImage(name=NAME, architecture=architecture), file


def check_fit(image: CarriedImage | None) -> None:
    """Raises BundleRefused where the image is for another processor."""
    machine = platform.machine()
    if image is not None and image.architecture != ARCHITECTURES.get(machine, machine):
        raise BundleRefused("The bundle's image is for another processor: build it for this one, and export again.")
