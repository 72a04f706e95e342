"""Installed models as a bundle carries them: their files by their place, and what the lock file knows."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from pipelines.catalog import Catalog, LockedFile, LockedModel, Model
from pipelines.weights import check_file, inside
from server.bundle.manifest import MODELS, CarriedModel, Manifest
from server.errors.bundles import BundleFailed


def chosen(catalog: Catalog, names: Sequence[str] | None) -> tuple[Model, ...]:
    """The models of these ids, and what they need; None: all that are installed. Embedded ones travel with the program.

    Raises ModelUnknown, and BundleFailed for one that is not installed.
    """
    if names is None:
        wanted = [model for model in catalog.models if catalog.is_installed(model)]
    else:
        wanted = [needed for name in names for needed in catalog.needed(catalog.get(name))]
    for model in wanted:
        if model.id in catalog.to_pull(model):
            raise BundleFailed(f"{model.id} is not installed here: `darkroom pull {model.id}` gets it.")
    travelling = {model.id: model for model in wanted if not model.embedded}
    if not travelling:
        raise BundleFailed("No such model is installed beside those that come with the program: `darkroom pull` first.")
    return tuple(travelling.values())


def files_of(catalog: Catalog, model: Model) -> Mapping[str, Path]:
    """The model's files by their paths in a bundle. Raises WeightsRefused for one that could run, or lies elsewhere."""
    folder = catalog.folder(model)
    place = folder.relative_to(catalog.models_folder).as_posix()
    found = {f"{MODELS}/{place}/{file.path}": inside(folder, file.path) for file in model.files}
    for path in found.values():
        check_file(path)
    return found


def carried(catalog: Catalog, model: Model) -> CarriedModel:
    return CarriedModel(
        id=model.id,
        name=model.name,
        kind=model.kind,
        licence=None if model.licence == "unknown" else model.licence,
        hub=model.source.hub if model.source else None,
        revision=model.source.revision if model.source else None,
        files=tuple(files_of(catalog, model)),
    )


def locked(manifest: Manifest) -> Mapping[str, LockedModel]:
    """What the lock file of the models folder is to know of those that were pulled where the bundle was made."""
    parts = {part.path: LockedFile(sha256=part.sha256, size=part.size) for part in manifest.files}
    return {
        model.id: LockedModel(
            hub=model.hub,
            revision=model.revision,
            files={path.removeprefix(f"{MODELS}/{model.id}/"): parts[path] for path in model.files},
        )
        for model in manifest.models
        if model.hub is not None and model.revision is not None
    }
