"""A drawn picture's file says what drew it, in every format, and can be drawn again from what it says."""

import hashlib
import io
import json
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from PIL import ExifTags, Image, PngImagePlugin

from pipelines import recipe
from pipelines.errors import TaskRefused
from pipelines.infotext import infotext_of, parsed
from pipelines.provenance import DRAWN, DRAWN_IN_PART, embedded_recipe, embedded_text, kept_options, save_options
from pipelines.tasks import (
    Control,
    FirstPass,
    ImagePrompt,
    ImageToImage,
    Inpaint,
    Lora,
    Outpaint,
    Picture,
    Raster,
    Task,
    TextToImage,
    Variation,
)

FORMATS = ("png", "jpeg", "webp")
ODD = 'a "red" star, <b>&amp;\nNegative: \u7ea2\u8272 \U0001f308 \x01'
DRAWING: dict[str, Any] = {
    "model": "shapes-xl",
    "prompt": ODD,
    "negative_prompt": "blur",
    "width": 8,
    "height": 8,
    "steps": 20,
    "guidance_scale": 4.5,
    "sampler": "euler_a",
    "seed": 2**62,
}
WHOLE = TextToImage(
    **DRAWING,
    count=3,
    guidance_interval=(0.0, 0.7),
    loras=(Lora("ink", 0.5),),
    variation=Variation(5, 0.25),
    first_pass=FirstPass(4, 4, 12, 0.6),
)
IMAGE, MASK = Raster(8, 8, bytes(192)), Raster(8, 8, bytes(64))
PICTURE = Picture(8, 8, bytes(192), 2**62 + 1, (8, 8), "shapes-xl")
each_format = pytest.mark.parametrize("format", FORMATS)


def filed(options: dict[str, Any], format: str, colour: str = "teal") -> Image.Image:
    """A picture that was saved so and opened again."""
    file = io.BytesIO()
    Image.new("RGB", (8, 8), colour).save(file, format.upper(), **options)
    return Image.open(io.BytesIO(file.getvalue()))


@each_format
def test_a_file_says_what_was_asked_for(format: str) -> None:
    told = parsed(embedded_text(filed(save_options(WHOLE, PICTURE, format), format)))
    assert told == infotext_of(WHOLE, PICTURE)
    assert told.settings["Seed"] == str(PICTURE.seed)


@each_format
def test_a_file_holds_the_task_that_draws_this_picture_alone(format: str) -> None:
    task = recipe.read(embedded_recipe(filed(save_options(WHOLE, PICTURE, format), format)))
    assert isinstance(task, TextToImage)
    assert (task.seed, task.count, task.variation) == (PICTURE.seed, 1, Variation(6, 0.25))
    assert (task.prompt, task.loras, task.first_pass) == (WHOLE.prompt, WHOLE.loras, WHOLE.first_pass)
    assert task == recipe.alone(WHOLE, PICTURE)


@each_format
@pytest.mark.parametrize(
    ("task", "source"),
    [
        pytest.param(WHOLE, DRAWN, id="drawn"),
        pytest.param(ImageToImage(**DRAWING, image=IMAGE, strength=0.5), DRAWN, id="drawn over"),
        pytest.param(Inpaint(**DRAWING, image=IMAGE, mask=MASK, strength=1), DRAWN_IN_PART, id="inpainted"),
        pytest.param(
            Outpaint(**DRAWING, image=IMAGE, left=8, top=0, right=0, bottom=0), DRAWN_IN_PART, id="outpainted"
        ),
    ],
)
def test_a_file_says_in_the_words_of_iptc_that_a_model_drew_it(format: str, task: Task, source: str) -> None:
    packet = filed(save_options(task, PICTURE, format), format).info["xmp"]
    root = ElementTree.fromstring(packet)  # noqa: S314  # it is our own
    [said] = root.iter("{http://www.w3.org/1999/02/22-rdf-syntax-ns#}Description")
    assert said.get("{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalSourceType") == source
    assert source.endswith("rainedAlgorithmicMedia")


@each_format
def test_metadata_do_not_change_a_pixel(format: str) -> None:
    plain, told = filed({}, format), filed(save_options(WHOLE, PICTURE, format), format)
    assert told.tobytes() == plain.tobytes()


@each_format
def test_what_is_too_long_for_a_format_does_not_spoil_the_file(format: str) -> None:
    task = TextToImage(**DRAWING | {"prompt": '"' * 40_000})
    saved = filed(save_options(task, PICTURE, format), format)
    assert DRAWN.encode() in saved.info["xmp"]
    assert (embedded_text(saved), embedded_recipe(saved)) == ("", "") or format == "png"


@settings(max_examples=30, deadline=None)
@given(some.text(some.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=80))
def test_any_prompt_comes_back_from_any_format(prompt: str) -> None:
    task = TextToImage(**DRAWING | {"prompt": prompt})
    for format in FORMATS:
        saved = filed(save_options(task, PICTURE, format), format)
        assert recipe.read(embedded_recipe(saved)) == recipe.alone(task, PICTURE)
        assert embedded_text(saved).startswith(prompt)


def test_a_recipe_has_no_pictures_and_names_those_it_was_given() -> None:
    told = recipe.written(Inpaint(**DRAWING, image=IMAGE, mask=MASK, strength=1))
    given = {"width": 8, "height": 8, "sha256": hashlib.sha256(MASK.pixels).hexdigest()}
    assert json.loads(told)["task"]["mask"] == given
    with pytest.raises(TaskRefused, match="a picture that is not in its metadata"):
        recipe.read(told)


def test_a_recipe_names_the_pictures_that_were_followed_too() -> None:
    told = recipe.written(TextToImage(**DRAWING | {"controls": (Control("edges", IMAGE, "canny"),)}))
    (control,) = json.loads(told)["task"]["controls"]
    assert control["image"]["sha256"] == hashlib.sha256(IMAGE.pixels).hexdigest()
    with pytest.raises(TaskRefused, match="a picture that is not in its metadata"):
        recipe.read(told)


def test_a_recipe_names_the_pictures_that_were_looked_at_too() -> None:
    told = recipe.written(TextToImage(**DRAWING | {"image_prompts": (ImagePrompt("looks", (IMAGE,)),)}))
    (prompt,) = json.loads(told)["task"]["image_prompts"]
    assert [image["sha256"] for image in prompt["images"]] == [hashlib.sha256(IMAGE.pixels).hexdigest()]
    with pytest.raises(TaskRefused, match="a picture that is not in its metadata"):
        recipe.read(told)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("{", id="no JSON"),
        pytest.param("[" * 100_000, id="very deep"),
        pytest.param("7", id="a number"),
        pytest.param('{"darkroom": 1, "kind": "Job", "task": {}}', id="no task"),
        pytest.param('{"darkroom": 1, "kind": "TextToImage", "task": {}}', id="an empty task"),
        pytest.param('{"darkroom": 1, "kind": ["x"], "task": {}}', id="a kind that is no name"),
        pytest.param(recipe.written(WHOLE).replace('"darkroom":1', '"darkroom":2'), id="a later format"),
        pytest.param(recipe.written(WHOLE).replace('"steps":20', '"steps":"20"'), id="steps in letters"),
        pytest.param(recipe.written(WHOLE).replace('"steps":20', '"steps":NaN'), id="not a number of steps"),
    ],
)
def test_a_recipe_that_cannot_be_read_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(TaskRefused, match="hold no task"):
        recipe.read(text)


@pytest.mark.parametrize(
    ("comment", "text"),
    [
        pytest.param(b"UNICODE\0" + "a cat".encode("utf-16-be"), "a cat", id="big end first"),
        pytest.param(b"UNICODE\0" + "a cat".encode("utf-16-le"), "a cat", id="little end first"),
        pytest.param(b"ASCII\0\0\0a cat", "a cat", id="ASCII"),
        pytest.param(bytes(8) + b"a cat\0", "a cat", id="no code"),
        pytest.param(b"a cat", "a cat", id="no code and no room for one"),
        pytest.param(b"UNICODE\0\0", "\ufffd", id="half a letter"),
        pytest.param(b"", "", id="empty"),
    ],
)
def test_comments_of_other_programs_are_read(comment: bytes, text: str) -> None:
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = comment
    assert embedded_text(filed({"exif": exif.tobytes()}, "jpeg")) == text


@pytest.mark.parametrize("exif", [b"", b"Exif\0\0", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\x92\x86", b"nonsense"])
def test_broken_metadata_are_none(exif: bytes) -> None:
    picture = Image.new("RGB", (8, 8))
    picture.info |= {"exif": exif, "xmp": b"\xff\xfe<not xml", "parameters": b"bytes", "icc_profile": b"short"}
    assert (embedded_text(picture), embedded_recipe(picture)) == ("", "")
    for format in FORMATS:
        assert embedded_text(filed(kept_options(picture, format), format)) == ""


def photograph(format: str) -> Image.Image:
    """A picture lying on its side, with a maker, a comment, a profile and, where there can be one, a title."""
    exif = Image.Exif()
    exif[ExifTags.Base.Make], exif[ExifTags.Base.Orientation] = "Darkroom", 6
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = b"ASCII\0\0\0a cat"
    title = PngImagePlugin.PngInfo()
    title.add_text("Title", "Cat")
    options = {"exif": exif.tobytes(), "icc_profile": b"\0" * 16 + b"RGB " + bytes(108)}
    return filed(options | ({"pnginfo": title} if format == "png" else {}), format)


@pytest.mark.parametrize("before", FORMATS)
@pytest.mark.parametrize("after", FORMATS)
def test_a_copy_keeps_what_is_known_of_a_picture_but_not_how_it_was_to_be_turned(before: str, after: str) -> None:
    copy = filed(kept_options(photograph(before), after), after)
    exif = copy.getexif()
    assert exif[ExifTags.Base.Make] == "Darkroom"
    assert ExifTags.Base.Orientation not in exif
    assert embedded_text(copy) == "a cat"
    assert copy.info["icc_profile"][16:20] == b"RGB "
    assert copy.info.get("Title") == ("Cat" if before == after == "png" else None)


@pytest.mark.parametrize("before", FORMATS)
@pytest.mark.parametrize("after", FORMATS)
def test_a_copy_of_a_drawn_picture_still_says_what_drew_it(before: str, after: str) -> None:
    copy = filed(kept_options(filed(save_options(WHOLE, PICTURE, before), before), after), after)
    assert parsed(embedded_text(copy)) == infotext_of(WHOLE, PICTURE)
    assert DRAWN.encode() in copy.info["xmp"]


def test_a_picture_without_metadata_says_nothing() -> None:
    for format in FORMATS:
        plain = filed(kept_options(filed({}, format), format), format)
        assert (embedded_text(plain), embedded_recipe(plain)) == ("", "")
        assert "xmp" not in plain.info
