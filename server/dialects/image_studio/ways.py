"""How an edit is done here: by one of the kinds of job of our own API, asked for as it would be there.

So `options` are what that kind takes beside the fields that the document has names for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipelines.catalog import Catalog
from pipelines.tasks import Task
from server.bodies.job import JobBody
from server.bodies.kinds import KINDS
from server.dialects.image_studio.answering import require
from server.http.body import Body, check

# Fields of our own API that the document has its own names for, and the number of pictures, which is one.
NAMED_OTHERWISE = frozenset(
    "image mask background_image light_reference prompt negative_prompt search_prompt select_prompt "
    "left right top bottom model steps guidance_scale seed count".split()
)


@dataclass(frozen=True, slots=True)
class Way:
    """kind: of job. takes: the fields of the request that it has a use for, by what our own API calls them.

    needs: those of them that it cannot do without. sign: the one that shows that this way is meant, None where nothing
    does. model: what our own API calls the model that does it. task: which that one must be able to do.
    """

    kind: str
    takes: Mapping[str, str]
    needs: tuple[str, ...] = ()
    sign: str | None = None
    model: str = "model"
    task: str = "inpaint"

    @property
    def is_drawn(self) -> bool:
        """Whether a prompt says what comes, so that a style may say more."""
        return "negative_prompt" in self.takes

    @property
    def options(self) -> frozenset[str]:
        """Our own names of what may be said beside."""
        fields = KINDS[self.kind].body.model_fields.keys()
        return frozenset(fields) - JobBody.model_fields.keys() - NAMED_OTHERWISE - {self.model}

    def value(self, asked: Body, options: Mapping[str, Any]) -> dict[str, Any]:
        """The job as our own API would have it, but for its picture and its model."""
        given = {ours: getattr(asked, theirs) for theirs, ours in self.takes.items()}
        chosen = {name: item for name, item in options.items() if name in self.options}
        return chosen | {name: item for name, item in given.items() if item is not None}


@dataclass(frozen=True, slots=True)
class Operation:
    """What the API lists of an operation. noun: as `Prompt is required for inpainting` calls it.

    ways: the first whose sign is sent is meant, the last where none is.
    """

    label: str
    description: str
    noun: str
    ways: Sequence[Way]

    def way(self, asked: Body) -> Way:
        """Raises BodyInvalid where something is missing."""
        way = next((way for way in self.ways if way.sign is None or getattr(asked, way.sign)), self.ways[-1])
        require(asked, self.noun, *way.needs)
        return way


async def task_of(catalog: Catalog, kind: str, value: dict[str, Any]) -> Task:
    """Raises what a job of that kind would be refused with: BodyInvalid, ImageInvalid, and what planning raises."""
    body = check(KINDS[kind].body, value)
    return KINDS[kind].plan(catalog, **await body.said())
