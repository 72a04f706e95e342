"""From a task to what the engine works on: which pool it joins, its drafts, and how each becomes a result."""

from pipelines.catalog import Catalog
from pipelines.engine.running import Prepared
from pipelines.preparing.cutout import prepare_cutout
from pipelines.preparing.description import prepare_description
from pipelines.preparing.drawing import prepare_drawing
from pipelines.preparing.faces import prepare_faces
from pipelines.preparing.finding import prepare_search
from pipelines.preparing.host import prepare_on_host
from pipelines.preparing.upscale import prepare_upscale
from pipelines.registry import Registry
from pipelines.tasks import (
    Describe,
    Drawing,
    RemoveBackground,
    ReplaceBackground,
    RestoreFaces,
    SearchAndRecolor,
    SearchAndReplace,
    Task,
    TiledImageToImage,
    Upscale,
)
from pipelines.tiled import tiled


class Preparer:
    """Call it with a job's id and its task; it raises what the registry and the pipelines raise, and TaskRefused."""

    def __init__(self, catalog: Catalog, registry: Registry) -> None:
        self._catalog, self._registry = catalog, registry

    def __call__(self, job_id: str, task: Task) -> Prepared:
        match task:
            case TiledImageToImage():
                pipeline = self._registry.pipeline(task.model, task.loras, task.vae)
                return tiled(job_id, task, pipeline, self._catalog.get(task.model))
            case Drawing():
                return prepare_drawing(job_id, task, self._catalog, self._registry)
            case Upscale():
                return prepare_upscale(job_id, task, self._registry)
            case RemoveBackground() | ReplaceBackground():
                return prepare_cutout(job_id, task, self._registry)
            case RestoreFaces():
                return prepare_faces(job_id, task, self._registry)
            case Describe():
                return prepare_description(job_id, task, self._registry)
            case SearchAndRecolor() | SearchAndReplace():
                return prepare_search(job_id, task, self._registry)
            case _:
                return prepare_on_host(job_id, task, self._registry)
