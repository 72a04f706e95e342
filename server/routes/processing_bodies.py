"""The bodies of the jobs that work on a given picture without drawing."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from server import decode
from server.http.body import Body, Name, Seed, Text
from server.routes.job_body import JobBody, Picture, Share


class ProcessingBody(JobBody):
    image: Picture

    async def said(self) -> dict[str, Any]:
        return await super().said() | {"image": await decode.picture_with_alpha(self.image, "image")}


class UpscaleBody(ProcessingBody):
    """To the sides given, or `factor` times as large: 4 times where nothing is said. The last fields are creative's."""

    mode: Literal["fast", "conservative", "creative"] | None = Field(
        None,
        description="fast is Lanczos; conservative a network, as without a mode; creative draws over the result.",
    )
    model: Name | None = None
    factor: int | None = None
    width: int | None = None
    height: int | None = None
    denoise: Share = 0.0
    prompt: Text | None = None
    negative_prompt: Text | None = None
    strength: Share | None = None
    steps: int | None = None
    guidance_scale: float | None = None
    sampler: Name | None = None
    seed: Seed | None = None

    async def said(self) -> dict[str, Any]:
        said = await super().said()
        return {field: value for field, value in said.items() if value is not None}


class FilterStepBody(Body):
    """A filter by its name, and its parameters beside it."""

    model_config = ConfigDict(extra="allow")

    name: Name


class FilterBody(ProcessingBody):
    filters: Annotated[list[FilterStepBody], Field(description="Applied in this order.")]

    async def said(self) -> dict[str, Any]:
        return await super().said() | {"filters": [(each.name, each.model_extra or {}) for each in self.filters]}


class CropBody(ProcessingBody):
    width: int
    height: int
    mode: Literal["smart", "center", "fit"] = "smart"
    focus: tuple[Share, Share] | None = Field(None, strict=False)


class DescribeBody(ProcessingBody):
    """The job's `facts` say what is in the picture: colours, a perceptual hash, sharpness."""
