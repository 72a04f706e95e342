"""The body of the jobs that give a picture the style of another."""

from typing import Annotated, Any, Literal

from pydantic import Field

from pipelines.tasks import FITS
from server import decode
from server.bodies.drawing import DrawingBody
from server.bodies.job import Picture, Share
from server.http.body import Name, Text


class StyleTransferBody(DrawingBody):
    image: Annotated[Picture, Field(description="What is to be seen.")]
    style_image: Annotated[Picture, Field(description="What it is to look like.")]
    prompt: Text = ""
    adapter: Name | None = Field(None, description="An IP-Adapter; left out, the first one that is installed.")
    style_strength: Share = 1.0
    composition_fidelity: Share = 0.9
    change_strength: Share = 0.9
    fit: Literal[FITS] = "crop"  # type: ignore[valid-type]  # a tuple of names spells the same Literal

    async def said(self) -> dict[str, Any]:
        pictures = {name: await decode.picture(getattr(self, name), name) for name in ("image", "style_image")}
        return await super().said() | pictures
