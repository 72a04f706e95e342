"""Bringing a bundle in: verified as a whole, copied beside the places that it is for, then renamed into them.

An interrupted copy goes on where it was: what lies there already with the right sha256 is not copied again.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from pipelines.catalog import Catalog, add_to_lock
from pipelines.errors import DarkroomError
from pipelines.weights import check_folder, sha256
from server.bundle.manifest import CATALOGUE, MANIFEST, MODELS, Manifest, Part
from server.bundle.models import locked
from server.bundle.progress import Report, counting
from server.bundle.verifying import Verified, content, verify
from server.errors.bundles import BundleFailed, BundleRefused

UNFINISHED = ".unfinished"  # a folder, beside what is whole
UNREADABLE = "The bundle cannot be read, or there is no room to write: see the disks and their permissions."


@dataclass(frozen=True, slots=True)
class Places:
    """models: the models folder. bundles: where everything else goes, a folder a bundle."""

    models: Path
    bundles: Path


@dataclass(frozen=True, slots=True)
class Brought:
    """folder: of the bundle's manifest, its bill, wheels and image."""

    manifest: Manifest
    folder: Path


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the files of one bundle go, and where they wait until all of them are there."""

    places: Places
    name: str

    @property
    def folder(self) -> Path:
        return self.places.bundles / self.name

    @property
    def waiting(self) -> tuple[Path, Path]:
        """On the disks that they will stay on: of the models, and of the rest."""
        below = Path(UNFINISHED, f"bundle-{self.name}")
        return self.places.models / below, self.places.bundles / below

    def target(self, path: str) -> Path:
        """`path` is of a manifest, which holds none that climbs."""
        if path == CATALOGUE:
            return self.places.models / CATALOGUE
        root, _, rest = path.partition("/")
        return self.places.models / rest if root == MODELS else self.folder / path

    def staged(self, path: str) -> Path:
        models, rest = self.waiting
        is_model = path == CATALOGUE or path.startswith(f"{MODELS}/")
        return (models if is_model else rest) / path


def bring_in(bundle: Path, places: Places, key: Ed25519PublicKey | None, report: Report) -> Brought:
    """Install what the bundle holds. key: whose signature it has to carry.

    Raises BundleRefused, WeightsRefused and CatalogInvalid, and leaves nothing behind then; BundleFailed, after which
    the same bundle goes on.
    """
    try:
        with bundle.open("rb") as file:
            verified = verify(file, key, report)
            layout = Layout(places, verified.name)
            with _nothing_left_of_what_is_refused(layout):
                _copy(file, verified, layout, report)
                _check(verified.manifest, layout)
                _install(verified, layout)
    except OSError as error:
        raise BundleFailed(UNREADABLE) from error
    return Brought(verified.manifest, layout.folder)


def _copy(file: BinaryIO, verified: Verified, layout: Layout, report: Report) -> None:
    if not layout.places.bundles.parent.exists():
        layout.places.bundles.parent.mkdir(mode=0o700, parents=True)  # the data folder, for its owner alone
    missing = [part for part in verified.manifest.files if not _lies(part, layout.target(part.path))]
    _check_room(missing, layout)
    seen = counting("copying", sum(part.size for part in missing), report)
    for part in missing:
        staged = layout.staged(part.path)
        if _lies(part, staged):
            seen(part.size)
            continue
        staged.parent.mkdir(parents=True, exist_ok=True)
        partial = staged.with_name(staged.name + ".partial")
        file.seek(verified.starts[part.path])
        with partial.open("wb") as output:
            for chunk in content(file, part):
                output.write(chunk)
                seen(len(chunk))
        partial.replace(staged)


def _lies(part: Part, path: Path) -> bool:
    """Whether the file is there already, and whole."""
    return path.is_file() and path.stat().st_size == part.size and sha256(path) == part.sha256


def _check_room(missing: list[Part], layout: Layout) -> None:
    for root in layout.waiting:
        staged = [(part, layout.staged(part.path)) for part in missing]
        needed = sum(part.size for part, path in staged if path.is_relative_to(root) and not path.is_file())
        there = next(place for place in root.parents if place.exists())
        if shutil.disk_usage(there).free < needed:
            raise BundleFailed("The disk has not enough room for what the bundle holds: make room, then import again.")


def _check(manifest: Manifest, layout: Layout) -> None:
    """Raises WeightsRefused for a file that could run, CatalogInvalid for a catalogue that is none."""
    models, _ = layout.waiting
    if models.is_dir():
        check_folder(models)
    if manifest.carries_catalogue and (listing := layout.staged(CATALOGUE)).is_file():
        Catalog.load(listing, layout.places.models)


def _install(verified: Verified, layout: Layout) -> None:
    """The lock file first: a model's file that is there is one whose sha256 is known."""
    if known := locked(verified.manifest):
        layout.places.models.mkdir(parents=True, exist_ok=True)
        add_to_lock(layout.places.models, known)
    layout.folder.mkdir(parents=True, exist_ok=True)
    for part in verified.manifest.files:
        if (staged := layout.staged(part.path)).is_file():
            target = layout.target(part.path)
            target.parent.mkdir(parents=True, exist_ok=True)
            staged.replace(target)
    (layout.folder / MANIFEST).write_bytes(verified.manifest.content)
    _forget(layout)


def _forget(layout: Layout) -> None:
    for waiting in layout.waiting:
        shutil.rmtree(waiting, ignore_errors=True)
        if waiting.parent.is_dir() and not any(waiting.parent.iterdir()):
            waiting.parent.rmdir()


@contextmanager
def _nothing_left_of_what_is_refused(layout: Layout) -> Iterator[None]:
    """Folders that were made for it go too."""
    above = {folder for waiting in layout.waiting for folder in waiting.parents}
    made = [folder for folder in above if not folder.exists()]
    try:
        yield
    except BundleFailed:
        raise
    except DarkroomError as error:
        _forget(layout)
        for folder in sorted(made, key=lambda folder: len(folder.parts), reverse=True):
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()
        if isinstance(error, BundleRefused):
            raise BundleRefused("The bundle changed while it was read: import it again.") from error
        raise
