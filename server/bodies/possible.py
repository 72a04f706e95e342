"""Which kinds of jobs are possible right now: the planning is asked, with the least that each kind can be told."""

from typing import Any

from pipelines.catalog import Catalog
from pipelines.errors import ModelNotInstalled, TaskRefused
from pipelines.tasks import Raster, Task
from server.bodies.kinds import KINDS, Kind

SIDE = 64
PICTURE = Raster(SIDE, SIDE, bytes(3 * SIDE * SIDE))
MASK = Raster(SIDE, SIDE, b"\xff" * (SIDE * SIDE))
WORDS = "a star"
# Values for whatever fields some kind cannot do without.
LEAST: dict[str, Any] = {
    "image": PICTURE, "style_image": PICTURE, "mask": MASK, "width": SIDE, "height": SIDE, "colour": "red",
    "prompt": WORDS, "select_prompt": WORDS, "search_prompt": WORDS, "filters": [("invert", {})], "annotator": "invert",
}  # fmt: skip


def hindrances(catalog: Catalog) -> dict[str, str | None]:
    """What hinders each kind of job, in a sentence; None where nothing does."""
    return {name: _hindrance(catalog, kind) for name, kind in KINDS.items()}


def least(catalog: Catalog, kind: Kind, **said: Any) -> Task:
    """A task of the kind with the least that it can be told, and what is said. Raises what the planning raises."""
    needed = {name for name, field in kind.body.model_fields.items() if field.is_required()}
    return kind.plan(catalog, **{name: LEAST[name] for name in needed} | dict(kind.least) | said)


def _hindrance(catalog: Catalog, kind: Kind) -> str | None:
    try:
        least(catalog, kind)
    except ModelNotInstalled as error:
        return error.sentence
    except TaskRefused:
        return None  # of this size, say: the kind is there all the same
    return None
