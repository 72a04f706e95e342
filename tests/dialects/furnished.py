"""A catalogue with a model of nearly every kind, none of which can be loaded: for tests that draw nothing."""

from pathlib import Path

from pipelines.catalog import Catalog
from tests.server.serving import every_kind_catalog

INSTALLED = (
    "real-esrgan-x4plus", "depth-anything-v2-small", "controlnet-canny-sdxl-1.0", "blip-captioning-base", "birefnet",
)  # fmt: skip


def furnished_catalog(folder: Path) -> Catalog:
    """The embedded models, and others whose files are there, and empty."""
    catalog = every_kind_catalog(folder)
    for model in map(catalog.get, INSTALLED):
        for file in model.files:
            place = catalog.folder(model) / file.path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.touch()
    return catalog
