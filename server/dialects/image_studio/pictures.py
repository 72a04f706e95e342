"""Pictures as they come and go here, in base64, and what every route that makes some says beside them."""

from typing import Any, Literal

from fastapi import Request

from pipelines.catalog import Meant
from pipelines.engine.protocol import Terms
from pipelines.tasks import Task
from server.bodies.job import PlainPicture
from server.encoding import in_base64
from server.http.body import Body, ignored_fields
from server.http.parts import Parts
from server.http.waiting import draw
from server.images import Encoding, Image
from server.jobs import Origin
from server.prompts.enhancer import Enhanced
from server.prompts.looks import Looks

API = "image_studio"

Picture = PlainPicture
OutputFormat = Literal["png", "jpg", "jpeg", "webp"]


def encoding_of(output_format: OutputFormat) -> Encoding:
    return Encoding("jpeg" if output_format == "jpg" else output_format)


async def drawn(request: Request, parts: Parts, account: str, task: Task, encoding: Encoding) -> Image:
    """The one picture of a task, while the client waits; raises what `waiting.draw` raises."""
    images = await draw(request, parts, task, encoding, Terms(account), origin=Origin(API))
    return images[0]


async def plain(image: Image, parts: Parts) -> str:
    """The image's file in base64."""
    return await in_base64(await parts.images.read(image))


async def data_url(image: Image, parts: Parts) -> str:
    return f"data:{image.encoding.media_type};base64,{await plain(image, parts)}"


def told(
    body: type[Body], value: dict[str, Any], meant: Meant | None = None, warning: str | None = None
) -> dict[str, str]:
    """Headers: the fields that were ignored, the model that drew, and sentences that warn of something."""
    headers = ignored_fields(body, value)
    if meant is not None:
        headers["x-darkroom-model"] = meant.model.id
    if warnings := [each for each in (meant and meant.warning, warning) if each]:
        headers["x-darkroom-warning"] = " ".join(warnings)
    return headers


def dressed(parts: Parts, prompt: str, negative: str, style: str | None, limit: int) -> Enhanced:
    """Both prompts with the words of a style preset behind them. Raises EntryUnknown; see `wording.in_body`."""
    return parts.enhancer.dressed(prompt, negative, Looks(style=style), limit)
