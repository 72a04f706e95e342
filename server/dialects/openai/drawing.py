"""How pictures are drawn for this API while the client waits, and how their background goes then."""

from collections.abc import Sequence

from starlette.responses import Response

from pipelines.engine.protocol import Terms
from pipelines.errors import DarkroomError
from pipelines.planning import remove_background
from pipelines.tasks import Raster
from server import decode
from server.dialects.openai.answering import Asking, Shown, answered
from server.dialects.openai.asked import Answered, Drawn
from server.encoding import in_base64
from server.http.allowed import check_models
from server.http.waiting import draw, draw_each
from server.images import Encoding, Image
from server.jobs import Origin

API = "openai"
ANY = Raster(8, 8, bytes(3 * 8 * 8))


async def drawn(asking: Asking) -> Response:
    """The whole answer, when all of it is there."""
    encoding, terms = encoding_of(asking), Terms(asking.account)
    images = await draw(asking.request, asking.parts, asking.planned.task, encoding, terms, origin=Origin(API))
    return await answered(asking, await finished(asking, images))


def encoding_of(asking: Asking) -> Encoding:
    """Of what is drawn: without loss where its background goes then, and what would hinder that is raised now."""
    encoding = asking.asked.encoding()
    if not _loses_background(asking.asked):
        return encoding
    check_models(asking.request, remove_background(asking.parts.catalog, image=ANY))
    return Encoding()


async def finished(asking: Asking, images: Sequence[Image]) -> list[Shown]:
    """The pictures as they are shown. Raises what `waiting.draw` raises."""
    if not _loses_background(asking.asked):
        return [Shown(image, image) for image in images]
    request, parts, terms = asking.request, asking.parts, Terms(asking.account)
    files = [await in_base64(await parts.images.read(image)) for image in images]
    tasks = [remove_background(parts.catalog, image=await decode.picture(file, "image")) for file in files]
    outcomes = await draw_each(request, parts, tasks, asking.asked.encoding(), terms, origin=Origin(API))
    return [Shown(_image(outcome), image) for outcome, image in zip(outcomes, images, strict=True)]


def _loses_background(asked: Answered) -> bool:
    """Where it is drawn: what is cut out from the start has none."""
    return isinstance(asked, Drawn) and asked.is_transparent


def _image(outcome: Image | DarkroomError) -> Image:
    if isinstance(outcome, DarkroomError):
        raise outcome
    return outcome
