"""Which models are here, which would be missing offline, and which are not whole."""

from collections.abc import Iterator

from pipelines.catalog import Catalog, LockedModel, Model, read_lock
from server.doctor.findings import Finding, hint, problem, well


def look(catalog: Catalog) -> Iterator[Finding]:
    here = [model.id for model in catalog.models if catalog.is_installed(model)]
    yield well("models", f"installed: {', '.join(here) or 'none'}")
    if not any("text_to_image" in model.tasks for model in catalog.models if model.id in here):
        yield problem("models", "None is installed that draws.", "`darkroom pull`, or `darkroom bundle import`.")
    lock = read_lock(catalog.models_folder)
    for model in catalog.models:
        yield from _not_whole(catalog, model, lock.models.get(model.id))
    if absent := [model.id for model in catalog.models if model.id not in here]:
        remedy = "What you want of them: `darkroom pull ID` with internet, a bundle without."
        yield hint("models", f"not here, and missing while there is no internet: {', '.join(absent)}", remedy)


def _not_whole(catalog: Catalog, model: Model, locked: LockedModel | None) -> Iterator[Finding]:
    """A model of which some files are there and some not, or one whose files are not as long as they were."""
    folder = catalog.folder(model)
    there = {file.path: (folder / file.path).stat().st_size for file in model.files if (folder / file.path).is_file()}
    remedy = f"`darkroom pull {model.id}`, or import its bundle again."
    if there and len(there) < len(model.files):
        yield hint("models", f"{model.id} lacks {len(model.files) - len(there)} of its files.", remedy)
    known = locked.files if locked else {}
    if any(path in known and known[path].size != size for path, size in there.items()):
        again = f"Remove its folder from the models folder, then {remedy}"
        yield problem("models", f"{model.id} has files that were longer or shorter when they came.", again)
