"""What a job can be asked for: the kinds of task by name, and how a JSON object becomes a complete Task."""

from collections.abc import Callable
from typing import Any, NamedTuple

from pipelines import planning
from pipelines.catalog import Catalog
from pipelines.tasks import Task
from server.bodies.addressed import Get, with_pictures
from server.bodies.drawing import EditBody, ImageToImageBody, InpaintBody, OutpaintBody, TextToImageBody
from server.bodies.faces import RestoreFacesBody
from server.bodies.finding import RelightBody, ReplaceBackgroundBody, SearchAndRecolorBody, SearchAndReplaceBody
from server.bodies.job import JobBody
from server.bodies.pictures import AnnotateBody, CropBody, DescribeBody, FilterBody, RemoveBackgroundBody, UpscaleBody
from server.bodies.style import StyleTransferBody
from server.errors import BodyInvalid
from server.http.body import check, ignored_fields, inlined


class Kind(NamedTuple):
    """How a kind of task comes in: its body, and the planning that turns the body's fields into a complete Task.

    least: what the planning has to be told beside the fields that the body cannot do without.
    """

    body: type[JobBody]
    plan: Callable[..., Task]
    least: tuple[tuple[str, Any], ...] = ()


KINDS: dict[str, Kind] = {
    "text_to_image": Kind(TextToImageBody, planning.text_to_image),
    "image_to_image": Kind(ImageToImageBody, planning.image_to_image),
    "inpaint": Kind(InpaintBody, planning.inpaint),
    "edit": Kind(EditBody, planning.edit),
    "outpaint": Kind(OutpaintBody, planning.outpaint, (("right", 8),)),
    "style_transfer": Kind(StyleTransferBody, planning.style_transfer),
    "upscale": Kind(UpscaleBody, planning.upscale),
    "filter": Kind(FilterBody, planning.filters),
    "crop": Kind(CropBody, planning.crop),
    "annotate": Kind(AnnotateBody, planning.annotate),
    "describe": Kind(DescribeBody, planning.describe),
    "remove_background": Kind(RemoveBackgroundBody, planning.remove_background),
    "search_and_recolor": Kind(SearchAndRecolorBody, planning.search_and_recolor),
    "search_and_replace": Kind(SearchAndReplaceBody, planning.search_and_replace),
    "replace_background": Kind(ReplaceBackgroundBody, planning.replace_background, (("prompt", "a star"),)),
    "relight": Kind(RelightBody, planning.relight, (("prompt", "a star"),)),
    "restore_faces": Kind(RestoreFacesBody, planning.restore_faces),
}


class Asked(NamedTuple):
    """headers: name the fields that were ignored."""

    body: JobBody
    task: Task
    headers: dict[str, str]


async def asked_for(catalog: Catalog, value: dict[str, Any], get: Get) -> Asked:
    """What a JSON object asks for. Raises BodyInvalid, ImageInvalid, and what fetching and planning raise."""
    name = value.pop("task", None)
    kind = KINDS.get(name) if isinstance(name, str) else None
    if kind is None:
        raise BodyInvalid(f"`task` must be one of: {', '.join(KINDS)}.", field="task")
    body = await with_pictures(check(kind.body, value), get)
    return Asked(body, kind.plan(catalog, **await body.said()), ignored_fields(kind.body, value))


def openapi() -> dict[str, Any]:
    """One schema a kind, told apart by `task`."""
    example = {"task": "text_to_image", "prompt": "a big yellow star on a black background", "seed": 1}
    schemas = []
    for name, kind in KINDS.items():
        schema = kind.body.model_json_schema()
        schema = inlined(schema, schema.pop("$defs", {}))
        schema["properties"] = {"task": {"const": name}, **schema["properties"]}
        schema["required"] = ["task", *schema.get("required", [])]
        schemas.append(schema)
    content = {"schema": {"oneOf": schemas}, "example": example}
    return {"requestBody": {"required": True, "content": {"application/json": content}}}
