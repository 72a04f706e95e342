"""The bodies of the jobs that find a part of a given picture first."""

from typing import Annotated, Any, Literal

from pydantic import Field

from pipelines.tasks import FILLS
from server import decode
from server.bodies.drawing import DrawingBody
from server.bodies.job import Picture, Share
from server.bodies.pictures import ProcessingBody
from server.http.body import Name, Text


class SearchAndRecolorBody(ProcessingBody):
    """The job's `facts` say where it was found."""

    select_prompt: Annotated[Text, Field(description="What is to have another colour.")]
    colour: str
    dilation: int = 0
    segmenter: Name | None = None


class SearchAndReplaceBody(DrawingBody):
    """As an inpainting, whose mask is what the words name."""

    image: Picture
    search_prompt: Annotated[Text, Field(description="What is to be replaced.")]
    dilation: int = 8
    segmenter: Name | None = None
    mask_blur: int = 4
    strength: Share | None = None
    fill: Literal[FILLS] = "original"  # type: ignore[valid-type]  # a tuple of names spells the same Literal
    only_masked: bool = False
    padding: int = 32

    async def said(self) -> dict[str, Any]:
        return await super().said() | {"image": await decode.picture(self.image, "image")}
