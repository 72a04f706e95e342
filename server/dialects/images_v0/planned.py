"""From what is asked for to a Task: the preset rendered, the shape in pixels, the pictures it is to be drawn after."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from pipelines.catalog import Meant, Model, Resolution
from pipelines.planning import text_to_image_after
from pipelines.tasks import ImageToImage, TextToImage
from server import decode
from server.dialects.images_v0.asked import Generation
from server.dialects.images_v0.sizes import RATIOS, pixels
from server.errors import BodyInvalid
from server.http.parts import Parts
from server.images import Caption
from server.prompts.looks import Looks
from server.prompts.presets import Preset
from server.prompts.saved import Saved

WARNING_HEADER = "x-darkroom-warning"
NUMBERED = re.compile(r"(.+)_([0-9]{1,3})")
DRAWN_OVER = "No IP-Adapter is installed: the picture is drawn over the first of the references."

Files = Sequence[tuple[str, str]]


class Planned(NamedTuple):
    """resolution: as it is priced. headers: what the caller ought to know beside the pictures."""

    task: TextToImage | ImageToImage
    caption: Caption
    resolution: Resolution
    headers: dict[str, str]


async def planned(asked: Generation, files: Files, parts: Parts, account: str) -> Planned:
    """asked: with its pictures fetched. files: see Sent.

    Raises EntryUnknown, VariableWrong, BodyInvalid and ImageInvalid, and what planning raises.
    """
    saved = await parts.presets.find(account, asked.presetId) if asked.presetId else None
    meant = parts.catalog.meant(asked.modelVersion or (saved and saved.preset.model), "text_to_image")
    resolution = asked.resolution or (saved and saved.preset.resolution) or "standard"
    if saved is None:
        if files or asked.variables:
            raise BodyInvalid("Files and variables go with a preset: name one in `presetId`.", field="presetId")
        if not asked.prompt.strip():
            raise BodyInvalid("`prompt`: it is empty: say what to draw, or name a `presetId`.", field="prompt")
        prompt, negative = asked.prompt, asked.negativePrompt
        pictures: list[tuple[str, str]] = []
    else:
        prompt, negative, pictures = _rendered(asked, saved.preset, files, parts, meant.model)
    references = [await decode.picture(text, field) for text, field in [*pictures, *_references(asked)]]
    width, height = pixels(_ratio(asked, saved, parts), resolution, meant.model)
    task = text_to_image_after(
        parts.catalog,
        references,
        model=meant.model.id,
        prompt=prompt,
        negative_prompt=negative,
        width=width,
        height=height,
        count=asked.sampleCount,
    )
    return Planned(task, _caption(asked, saved), resolution, _headers(asked, meant, task))


def _rendered(
    asked: Generation, preset: Preset, files: Files, parts: Parts, model: Model
) -> tuple[str, str, list[tuple[str, str]]]:
    """Prompt, negative prompt, and the files in the order of the requirements, each with the name of its own."""
    by_key = _by_key(preset, files)
    counts = {key: len(contents) for key, contents in by_key.items()}
    rendered = preset.render(asked.variables, counts, asked.prompt)
    negative = ", ".join(text for text in (rendered.negative_prompt, asked.negativePrompt.strip()) if text)
    looks = Looks(style=preset.style, social_template=preset.template)
    dressed = parts.enhancer.dressed(rendered.prompt, negative, looks, model.limits.max_prompt_chars)
    pictures = [(content, key) for key in rendered.files for content in by_key[key]]
    return dressed.prompt, dressed.negative_prompt, pictures


def _by_key(preset: Preset, files: Files) -> dict[str, list[str]]:
    """The files of each requirement: `key`, or `key_0`, `key_1` and so on in the order of their numbers."""
    found: dict[str, list[tuple[int, str]]] = {}
    for name, content in files:
        numbered = None if name in preset.requirements else NUMBERED.fullmatch(name)
        key, number = (numbered[1], int(numbered[2])) if numbered else (name, 0)
        found.setdefault(key, []).append((number, content))
    return {
        key: [content for _, content in sorted(contents, key=lambda item: item[0])] for key, contents in found.items()
    }


def _references(asked: Generation) -> list[tuple[str, str]]:
    in_base64 = [(reference.data, "refImageBase64") for reference in asked.refImageBase64]
    return in_base64 + [(fetched, "refImageUrls") for fetched in asked.refImageUrls]


def _ratio(asked: Generation, saved: Saved | None, parts: Parts) -> str:
    """The caller's, or the preset's, or that of the preset's template."""
    preset = saved.preset if saved else None
    template = parts.library.now.template(preset.template) if preset and preset.template else None
    ratio = asked.aspectRatio or (preset and preset.ratio) or (template and template.ratio) or "1:1"
    if ratio not in RATIOS:
        raise BodyInvalid(f"`aspectRatio` must be one of: {', '.join(RATIOS)}.", field="aspectRatio")
    return ratio


def _caption(asked: Generation, saved: Saved | None) -> Caption:
    return Caption(
        asked=asked.prompt,
        preset=saved and saved.id,
        preset_name=saved and saved.preset.name,
        variables=asked.variables if saved else {},
        public=asked.isPublic,
    )


def _headers(asked: Generation, meant: Meant, task: TextToImage | ImageToImage) -> dict[str, str]:
    headers = {"x-darkroom-model": meant.model.id}
    drawn_over = DRAWN_OVER if isinstance(task, ImageToImage) else None
    if warnings := [warning for warning in (meant.warning, drawn_over) if warning]:
        headers[WARNING_HEADER] = " ".join(warnings)
    return headers
