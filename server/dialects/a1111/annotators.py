"""What the ControlNet extension calls our annotators, its modules, in its lists."""

from typing import NamedTuple

from pipelines.catalog import Model
from server.dialects.a1111.naming import hash_of

HASH = 8  # digits of a SHA-256 that the extension shows


class Module(NamedTuple):
    """label: as the extension shows it. types: the control types that list it."""

    label: str
    types: tuple[str, ...]


# `control.annotator_of` says which of ours each of them is.
MODULES = {
    "none": Module("none", ()),
    "canny": Module("canny", ("Canny",)),
    "depth_anything_v2": Module("depth_anything_v2", ("Depth",)),
    "invert": Module("invert (from white bg & black line)", ("Canny", "Lineart", "Scribble")),
    "lineart_standard": Module("lineart_standard (from white bg & black line)", ("Lineart",)),
    "scribble_xdog": Module("scribble_xdog", ("Scribble",)),
}


def title_of(model: Model) -> str:
    """`name [hash]`, or the name alone where no hash is known."""
    known = hash_of(model)
    return f"{model.id} [{known[:HASH]}]" if known else model.id
