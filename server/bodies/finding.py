"""The bodies of the jobs that find a part of a given picture first."""

from typing import Annotated, Any, Literal

from pydantic import Field

from pipelines.tasks import FILLS, LIGHT_DIRECTIONS, Raster
from server import decode
from server.bodies.drawing import DrawingBody
from server.bodies.job import Picture, Share
from server.bodies.pictures import ForegroundBody, ProcessingBody
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


class ReplaceBackgroundBody(ForegroundBody, DrawingBody):
    """Another background: a picture, a colour, or drawn as the prompt says; `matting` names what finds the foreground.

    What a drawing takes has an effect where something is drawn: without a background, or with `strength`.
    """

    image: Picture
    prompt: Text = ""
    strength: Share | None = None
    preserve_subject: Share = Field(0.6, description="How much of the subject's own pixels is blended back.")
    matting: Name | None = None

    async def said(self) -> dict[str, Any]:
        return await super().said() | {"image": await self._read()}

    async def _read(self) -> Raster:
        return await decode.picture_with_alpha(self.image, "image")


class RelightBody(ReplaceBackgroundBody):
    """Another light: of the prompt, a direction, a reference picture, a new background, or several of them."""

    light_direction: Literal[LIGHT_DIRECTIONS] | None = None  # type: ignore[valid-type]  # as above
    light_reference: Picture | None = Field(None, description="A picture that is lit so.")
    light_strength: Share = 0.5

    async def said(self) -> dict[str, Any]:
        said = await super().said()
        if self.light_reference is not None:
            said["light_reference"] = await decode.picture(self.light_reference, "light_reference")
        return said

    async def _read(self) -> Raster:
        return await decode.picture(self.image, "image")
