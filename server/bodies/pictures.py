"""The bodies of the jobs that work on a given picture without drawing."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from pipelines.tasks import ANNOTATORS, CUTOUT_OUTPUTS, FITS, Edge
from server import decode
from server.bodies.job import JobBody, Picture, Share
from server.http.body import Body, Name, Seed, Text


class ProcessingBody(JobBody):
    image: Picture

    async def said(self) -> dict[str, Any]:
        return await super().said() | await self._read()

    async def _read(self) -> dict[str, Any]:
        return {"image": await decode.picture_with_alpha(self.image, "image")}


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
    restore_faces: bool = Field(False, description="Then its faces, by a network of kind face-restorer.")
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
    keep_metadata: bool = Field(False, description="EXIF, XMP, text and colour profile of the file that was sent.")

    async def said(self) -> dict[str, Any]:
        said = await super().said()
        del said["keep_metadata"]
        return said | {"filters": [(each.name, each.model_extra or {}) for each in self.filters]}

    async def _read(self) -> dict[str, Any]:
        if not self.keep_metadata:
            return await super()._read()
        image, kept = await decode.picture_with_metadata(self.image, "image")
        return {"image": image, "kept": kept}


class CropBody(ProcessingBody):
    width: int
    height: int
    mode: Literal["smart", "center", "fit"] = "smart"
    focus: tuple[Share, Share] | None = Field(None, strict=False)


class DescribeBody(ProcessingBody):
    """The job's `facts` say what is in the picture: colours, faces, a caption, what its file says."""

    async def _read(self) -> dict[str, Any]:
        image, embedded = await decode.picture_with_words(self.image, "image")
        return {"image": image, "embedded": embedded}


class AnnotateBody(ProcessingBody):
    """The picture that a ControlNet would follow."""

    annotator: Literal[ANNOTATORS[1:]]  # type: ignore[valid-type]  # a tuple of names spells the same Literal


class ForegroundBody(JobBody):
    """What every kind takes that finds what stands out, and may put something behind it."""

    method: Literal["network", "grabcut"] | None = Field(None, description="Left out: a network, if any is installed.")
    background: str | None = Field(None, description="A colour, by its name or as #rrggbb.")
    background_image: Picture | None = Field(None, description="Or a picture.")
    fit: Literal[FITS] = "crop"  # type: ignore[valid-type]  # a tuple of names spells the same Literal
    threshold: Share | None = None
    follow_edges: bool = Field(False, description="The mask follows the picture's colours: for hair and fur.")
    edge_smoothing: float = 0
    feather: float = 0

    async def said(self) -> dict[str, Any]:
        said = await super().said()
        edge = Edge(*[said.pop(name) for name in ("threshold", "follow_edges", "edge_smoothing", "feather")])
        if (behind := said.pop("background_image")) is not None:
            said["background"] = await decode.picture(behind, "background_image")
        return said | {"edge": edge}


class RemoveBackgroundBody(ForegroundBody, ProcessingBody):
    """The cut-out, its mask, or both; the job's `facts` say what found it, and where it lies."""

    model: Name | None = None
    output: Literal[CUTOUT_OUTPUTS] = "cutout"  # type: ignore[valid-type]  # as above
