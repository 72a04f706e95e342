"""The bodies of the jobs that draw."""

from typing import Annotated, Any, Literal

from pydantic import Field

from pipelines.tasks import (
    ANNOTATORS,
    CONTROL_MODES,
    FILLS,
    FITS,
    MOST_CONTROLS,
    MOST_IMAGE_PROMPTS,
    MOST_REFERENCES,
    Control,
    FirstPass,
    ImagePrompt,
    Lora,
    Variation,
)
from server import decode
from server.bodies.job import JobBody, Picture, Share
from server.http.body import Body, Name, Seed, Text

MOST_LORAS = 8


class LoraBody(Body):
    name: Name
    scale: Annotated[float, Field(ge=-4, le=4)] = 1.0


class ControlBody(Body):
    """What is to be followed beside the prompt: a picture, or what an annotator makes of it, by a ControlNet."""

    model: Name
    image: Picture
    annotator: Literal[ANNOTATORS] = "none"  # type: ignore[valid-type]  # a tuple of names spells the same Literal
    weight: Annotated[float, Field(ge=0, le=2)] = 1.0
    start: Share = 0.0
    end: Share = 1.0
    mode: Literal[CONTROL_MODES] = "balanced"  # type: ignore[valid-type]  # as above

    async def said(self) -> Control:
        image = await decode.picture(self.image, "controls")
        return Control(self.model, image, self.annotator, self.weight, self.start, self.end, self.mode)


class ImagePromptBody(Body):
    """Pictures that the result is to look like, by an IP-Adapter."""

    model: Name
    images: Annotated[list[Picture], Field(min_length=1, max_length=MOST_REFERENCES)]
    scale: Annotated[float, Field(ge=0, le=2)] = 1.0
    start: Share = 0.0
    end: Share = 1.0

    async def said(self) -> ImagePrompt:
        images = tuple([await decode.picture(image, "image_prompts") for image in self.images])
        return ImagePrompt(self.model, images, self.scale, self.start, self.end)


class VariationBody(Body):
    """Noise between that of the task's seed and that of another one."""

    seed: Seed
    strength: Share


SEAMLESS = "The picture goes on at its other edge where it ends: copies of it can be laid side by side."


class FirstPassBody(Body):
    """The picture is drawn at this size first, enlarged, and drawn over."""

    width: int
    height: int
    steps: Annotated[int, Field(ge=1)] | None = None
    strength: Share = 0.6


class SettingsBody(Body):
    """How a picture is drawn, whatever it shows. What is left out takes the model's own value, and a random seed."""

    negative_prompt: Text = ""
    steps: int | None = None
    guidance_scale: float | None = None
    guidance_rescale: Share | None = None
    guidance_interval: tuple[Share, Share] | None = Field(None, strict=False)
    economy: bool = Field(False, description="Leave guidance out of the last steps: faster, nearly the same picture.")
    sampler: Name | None = None
    seed: Seed | None = None
    clip_skip: int | None = None
    variation: VariationBody | None = None
    loras: Annotated[list[LoraBody], Field(default_factory=list, max_length=MOST_LORAS)]
    controls: Annotated[list[ControlBody], Field(default_factory=list, max_length=MOST_CONTROLS)]
    image_prompts: Annotated[list[ImagePromptBody], Field(default_factory=list, max_length=MOST_IMAGE_PROMPTS)]
    vae: Name | None = Field(None, description="A VAE that draws in place of the model's own.")

    async def settings(self) -> dict[str, Any]:
        """The arguments of the planning. Raises ImageInvalid."""
        said = {field: getattr(self, field) for field in SettingsBody.model_fields}
        said["loras"] = tuple(Lora(lora.name, lora.scale) for lora in self.loras)
        said["controls"] = tuple([await control.said() for control in self.controls])
        said["image_prompts"] = tuple([await prompt.said() for prompt in self.image_prompts])
        said["variation"] = self.variation and Variation(self.variation.seed, self.variation.strength)
        return said


class DrawingBody(SettingsBody, JobBody):
    """What every kind of drawing takes."""

    prompt: Text
    model: Name | None = None
    width: int | None = None
    height: int | None = None
    count: Annotated[int, Field(ge=1)] = 1

    async def said(self) -> dict[str, Any]:
        return await super().said() | await self.settings()


class TextToImageBody(DrawingBody):
    first_pass: FirstPassBody | None = None
    seamless: bool = Field(False, description=SEAMLESS)

    async def said(self) -> dict[str, Any]:
        said, first = await super().said(), self.first_pass
        return said | {"first_pass": first and FirstPass(first.width, first.height, first.steps or 0, first.strength)}


class ImageToImageBody(DrawingBody):
    image: Picture
    strength: Share | None = None
    fit: Literal[FITS] = "crop"  # type: ignore[valid-type]  # a tuple of names spells the same Literal
    keep_colours: bool = Field(False, description="Hue and saturation stay as they are in the picture.")
    seamless: bool = Field(False, description=SEAMLESS)

    async def said(self) -> dict[str, Any]:
        return await super().said() | {"image": await decode.picture(self.image, "image")}


class EditBody(ImageToImageBody):
    """By a model that edits by instruction, else as image_to_image; each leaves alone what only the other knows."""

    strength: Share | None = Field(None, description="Of image_to_image.")
    keep_colours: bool = Field(False, description="Of image_to_image.")
    image_guidance_scale: float | None = Field(None, description="Of an edit: how much is made of the picture.")


class InpaintBody(DrawingBody):
    image: Picture
    mask: Annotated[Picture, Field(description="Bright where the picture is drawn anew; of the image's size.")]
    mask_invert: bool = False
    mask_blur: int = 4
    strength: Share | None = None
    fill: Literal[FILLS] = "original"  # type: ignore[valid-type]  # as above
    only_masked: bool = False
    padding: int = 32

    async def said(self) -> dict[str, Any]:
        said = await super().said()
        invert = said.pop("mask_invert")
        image, mask = await decode.picture(self.image, "image"), await decode.mask(self.mask, "mask", invert=invert)
        return said | {"image": image, "mask": mask}


class OutpaintBody(DrawingBody):
    image: Picture
    left: int = 0
    top: int = 0
    right: int = 0
    bottom: int = 0
    feather: int = 8

    async def said(self) -> dict[str, Any]:
        return await super().said() | {"image": await decode.picture(self.image, "image")}
