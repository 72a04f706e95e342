"""From what is asked for to a Task: the preset rendered, the shape in pixels, the pictures it is to be drawn after."""

import re
from collections.abc import Sequence
from operator import itemgetter
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


class Words(NamedTuple):
    """pictures: of the preset's files, in base64 and in its order, each with the key that it came by."""

    prompt: str
    negative_prompt: str
    pictures: list[tuple[str, str]]


async def planned(asked: Generation, files: Files, parts: Parts, account: str) -> Planned:
    """asked: with its pictures fetched. files: see Sent.

    Raises EntryUnknown, VariableWrong, BodyInvalid and ImageInvalid, and what planning raises.
    """
    saved = await parts.presets.find(account, asked.presetId) if asked.presetId else None
    preset = saved.preset if saved else None
    meant = parts.catalog.meant(asked.modelVersion or (preset.model if preset else None), "text_to_image")
    resolution = asked.resolution or (preset.resolution if preset else None) or "standard"
    words = _rendered(asked, preset, files, parts, meant.model) if preset else _written(asked, files)
    references = [await decode.picture(text, field) for text, field in [*words.pictures, *_references(asked)]]
    width, height = pixels(_ratio(asked, preset, parts), resolution, meant.model)
    task = text_to_image_after(
        parts.catalog,
        references,
        model=meant.model.id,
        prompt=words.prompt,
        negative_prompt=words.negative_prompt,
        width=width,
        height=height,
        count=asked.sampleCount,
    )
    return Planned(task, _caption(asked, saved), resolution, _headers(meant, task))


def _written(asked: Generation, files: Files) -> Words:
    """Without a preset."""
    if files or asked.variables:
        raise BodyInvalid("Files and variables go with a preset: name one in `presetId`.", field="presetId")
    if not asked.prompt.strip():
        raise BodyInvalid("`prompt`: it is empty: say what to draw, or name a `presetId`.", field="prompt")
    return Words(asked.prompt, asked.negativePrompt, [])


def _rendered(asked: Generation, preset: Preset, files: Files, parts: Parts, model: Model) -> Words:
    by_key = _by_key(preset, files)
    rendered = preset.render(asked.variables, {key: len(each) for key, each in by_key.items()}, asked.prompt)
    negative = ", ".join(text for text in (rendered.negative_prompt, asked.negativePrompt.strip()) if text)
    looks = Looks(style=preset.style, social_template=preset.template)
    dressed = parts.enhancer.dressed(rendered.prompt, negative, looks, model.limits.max_prompt_chars)
    pictures = [(content, key) for key in rendered.files for content in by_key[key]]
    return Words(dressed.prompt, dressed.negative_prompt, pictures)


def _by_key(preset: Preset, files: Files) -> dict[str, list[str]]:
    """The files of each requirement: `key`, or `key_0`, `key_1` and so on in the order of their numbers."""
    found: dict[str, list[tuple[int, str]]] = {}
    for name, content in files:
        numbered = None if name in preset.requirements else NUMBERED.fullmatch(name)
        key, number = (numbered[1], int(numbered[2])) if numbered else (name, 0)
        found.setdefault(key, []).append((number, content))
    for contents in found.values():
        contents.sort(key=itemgetter(0))
    return {key: [content for _, content in contents] for key, contents in found.items()}


def _references(asked: Generation) -> list[tuple[str, str]]:
    in_base64 = [(reference.data, "refImageBase64") for reference in asked.refImageBase64]
    return in_base64 + [(fetched, "refImageUrls") for fetched in asked.refImageUrls]


def _ratio(asked: Generation, preset: Preset | None, parts: Parts) -> str:
    """The caller's, or the preset's, or that of the preset's template, which may be none of the API's."""
    said = asked.aspectRatio or (preset and preset.ratio)
    if said is None:
        template = parts.library.now.template(preset.template) if preset and preset.template else None
        return template.ratio if template else "1:1"
    if said not in RATIOS:
        raise BodyInvalid(f"`aspectRatio` must be one of: {', '.join(RATIOS)}.", field="aspectRatio")
    return said


def _caption(asked: Generation, saved: Saved | None) -> Caption:
    return Caption(
        asked=asked.prompt,
        preset=saved and saved.id,
        preset_name=saved and saved.preset.name,
        variables=asked.variables,
        public=asked.isPublic,
    )


def _headers(meant: Meant, task: TextToImage | ImageToImage) -> dict[str, str]:
    headers = {"x-darkroom-model": meant.model.id}
    drawn_over = DRAWN_OVER if isinstance(task, ImageToImage) else None
    if warnings := [warning for warning in (meant.warning, drawn_over) if warning]:
        headers[WARNING_HEADER] = " ".join(warnings)
    return headers
