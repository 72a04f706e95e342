"""Making a bundle: everything is gathered and hashed, then written behind its manifest, then named.

Until then it lies in a folder beside its place, with what was fetched for it, and an interrupted export goes on there.
"""

import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pipelines.catalog import Catalog, Model
from pipelines.weights import sha256
from server.bundle import archive, image, wheels
from server.bundle.manifest import CATALOGUE, IMAGE, REQUIREMENTS, SBOM, CarriedImage, Manifest, Part, Target
from server.bundle.models import carried, files_of
from server.bundle.progress import Report, counting
from server.bundle.sbom import bill
from server.errors.bundles import BundleFailed

UNFINISHED = ".unfinished"  # the folder, after the name of the output


@dataclass(frozen=True, slots=True)
class Wish:
    """What goes in. catalogue: the operator's own models.yaml; target: whom wheels are for, None for no wheels."""

    models: Sequence[Model] = ()
    catalogue: Path | None = None
    target: Target | None = None
    image: bool = False


@dataclass(frozen=True, slots=True)
class Exported:
    """sha256: of the whole file."""

    sha256: str
    manifest: Manifest


def export(catalog: Catalog, wish: Wish, output: Path, key: Ed25519PrivateKey | None, report: Report) -> Exported:
    """Write the bundle; `output` appears when it is whole. The same content is the same bytes, but for the image's.

    Raises BundleFailed, and WeightsRefused for a model that is none. What was done by then is kept for the next time.
    """
    scratch = output.with_name(output.name + UNFINISHED)
    try:
        scratch.mkdir(exist_ok=True)
        manifest, sources = _gathered(catalog, wish, scratch, signed=key is not None, report=report)
        start = archive.head(manifest.content, key.sign(manifest.content) if key else None)
        members = [(part, sources[part.path]) for part in manifest.files]
        seen = counting("writing", manifest.bytes, report)
        partial = scratch / "bundle.tar"
        partial.touch()
        with partial.open("r+b") as file:
            told = archive.write(file, start, members, seen)
        partial.replace(output)
        shutil.rmtree(scratch)
    except OSError as error:
        raise BundleFailed("The bundle could not be written: see that its disk has room, and is yours.") from error
    finally:
        with suppress(OSError):
            scratch.rmdir()  # where nothing came of it
    return Exported(told, manifest)


def _gathered(
    catalog: Catalog, wish: Wish, scratch: Path, *, signed: bool, report: Report
) -> tuple[Manifest, dict[str, Path]]:
    """The manifest, and where its files lie now."""
    sources = {path: file for model in wish.models for path, file in files_of(catalog, model).items()}
    if wish.catalogue is not None and wish.models:
        sources[CATALOGUE] = wish.catalogue
    models = tuple(carried(catalog, model) for model in wish.models)
    fetched = wheels.download(scratch, wish.target) if wish.target else ()
    brought = wheels.described(fetched)
    sources |= {carried.file: wheel for carried, wheel in zip(brought, fetched, strict=True)}
    saved: CarriedImage | None = None
    if wish.image:
        saved, sources[IMAGE] = image.save(scratch)
    parts = _hashed(sources, report)
    ours = version("darkroom")
    written = {SBOM: bill(ours, models, brought, saved, parts)}
    if brought:
        hashes = {path: part.sha256 for path, part in parts.items()}
        written[REQUIREMENTS] = wheels.requirements(brought, hashes).encode()
    for path, content in written.items():
        sources[path] = scratch / Path(path).name
        sources[path].write_bytes(content)
    parts |= _hashed({path: sources[path] for path in written}, report)
    manifest = Manifest(
        darkroom=ours,
        target=wish.target and wish.target.model_copy(update={"cuda": wheels.cuda_of(brought)}),
        signed=signed,
        models=models,
        wheels=brought,
        image=saved,
        files=tuple(parts[path] for path in sorted(parts)),
    )
    return manifest, sources


def _hashed(sources: dict[str, Path], report: Report) -> dict[str, Part]:
    sizes = {path: file.stat().st_size for path, file in sources.items()}
    seen = counting("reading", sum(sizes.values()), report)
    return {
        path: Part(path=path, sha256=sha256(file, seen), size=sizes[path]) for path, file in sorted(sources.items())
    }
