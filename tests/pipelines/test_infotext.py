"""What is written is read back, and what other programs write is understood."""

import re

import pytest
from hypothesis import given
from hypothesis import settings as how
from hypothesis import strategies as some

from pipelines.infotext import LABELS, LEAST_SETTINGS, NEGATIVE_LINE, Infotext, infotext_of, parsed, written
from pipelines.sampler_names import sampler_named
from pipelines.tasks import (
    KARRAS,
    SAMPLERS,
    FirstPass,
    ImageToImage,
    Lora,
    Picture,
    Raster,
    SecondPass,
    TextToImage,
    Variation,
)

DRAWING = {
    "model": "shapes-xl",
    "prompt": "a red star",
    "negative_prompt": "blur, noise",
    "width": 640,
    "height": 480,
    "steps": 20,
    "guidance_scale": 4.5,
    "sampler": "euler_a",
    "seed": 7,
}
PICTURE = Picture(640, 480, b"", 9, (640, 480), "shapes-xl")

words = some.text(some.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60)
prompts = words.filter(lambda text: not NEGATIVE_LINE.search(text))
names = some.from_regex(re.compile(r"[A-Za-z][A-Za-z0-9 /-]{0,20}", re.ASCII), fullmatch=True)


@how(deadline=None)
@given(prompts, words, some.dictionaries(names, words, min_size=LEAST_SETTINGS, max_size=8))
def test_what_is_written_is_read_back(prompt: str, negative: str, settings: dict[str, str]) -> None:
    said = Infotext(prompt, negative, settings)
    assert parsed(written(said)) == said


@how(deadline=None)
@given(words)
def test_any_text_can_be_read(text: str) -> None:
    assert parsed(text).prompt in text


@pytest.mark.parametrize(
    ("text", "prompt", "negative", "settings"),
    [
        pytest.param("a cat", "a cat", "", {}, id="a prompt alone"),
        pytest.param("a cat\non a mat: red, big", "a cat\non a mat: red, big", "", {}, id="a prompt of two lines"),
        pytest.param(
            "a cat,\nsoft\nNegative prompt: dog,\nrain\n"
            'Steps: 30, Sampler: DPM++ 2M Karras, Size: 512x768, Hashes: "{\\"a\\": 1}"',
            "a cat,\nsoft",
            "dog,\nrain",
            {"Steps": "30", "Sampler": "DPM++ 2M Karras", "Size": "512x768", "Hashes": '{"a": 1}'},
            id="all of it",
        ),
        pytest.param(
            "Negative prompt: dog\nSteps: 1, Seed: 2, CFG scale: 3",
            "",
            "dog",
            {"Steps": "1", "Seed": "2", "CFG scale": "3"},
            id="no prompt",
        ),
        pytest.param(
            'Steps: 1, Note: "open, Seed: 2, Size: 3',
            "",
            "",
            {"Steps": "1", "Note": '"open', "Seed": "2", "Size": "3"},
            id="a quote that never ends",
        ),
    ],
)
def test_texts_of_other_programs_are_understood(
    text: str, prompt: str, negative: str, settings: dict[str, str]
) -> None:
    assert parsed(text) == Infotext(prompt, negative, settings)


def test_a_picture_is_told_in_the_words_of_the_web_ui() -> None:
    assert written(infotext_of(TextToImage(**DRAWING, count=3), PICTURE)) == (  # type: ignore[arg-type]
        "a red star\n"
        "Negative prompt: blur, noise\n"
        "Steps: 20, Sampler: Euler a, Schedule type: Automatic, CFG scale: 4.5, Seed: 9, Size: 640x480,"
        " Model: shapes-xl, Version: darkroom"
    )


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_sampler_can_be_asked_for_by_the_label_that_is_written(sampler: str) -> None:
    settings = infotext_of(TextToImage(**DRAWING | {"sampler": sampler}), PICTURE).settings  # type: ignore[arg-type]
    karras = KARRAS if settings["Schedule type"] == "Karras" else ""
    assert sampler_named(settings["Sampler"] + karras) == sampler
    assert {each.removesuffix(KARRAS) for each in SAMPLERS} == LABELS.keys()


SECOND = SecondPass("other", "a blue star", "", "dpmpp_2m_karras", 2.5, (Lora("ink"),), "glass")


def test_particulars_are_told_where_there_are_any() -> None:
    task = TextToImage(
        **DRAWING,  # type: ignore[arg-type]
        clip_skip=1,
        vae="soft",
        loras=(Lora("ink", 0.5),),
        variation=Variation(100, 0.25),
        first_pass=FirstPass(320, 240, 12, 0.6, SECOND),
        face_restorer="mender",
        noise_size=(320, 320),
    )
    told = infotext_of(task, PICTURE)
    assert told.prompt == "a red star <lora:ink:0.5>"
    assert (
        told.settings.items()
        >= {
            "Steps": "12",
            "Size": "320x240",
            "Hires resize": "640x480",
            "Hires steps": "20",
            "Denoising strength": "0.6",
            "Clip skip": "2",
            "VAE": "soft",
            "Variation seed": "102",
            "Variation seed strength": "0.25",
            "Hires upscaler": "glass",
            "Hires checkpoint": "other",
            "Hires sampler": "DPM++ 2M",
            "Hires schedule type": "Karras",
            "Hires CFG Scale": "2.5",
            "Hires prompt": "a blue star <lora:ink:1>",
            "Hires negative prompt": "",
            "Face restoration": "mender",
            "Seed resize from": "320x320",
        }.items()
    )
    drawn_over = ImageToImage(**DRAWING, image=Raster(1, 1, b"rgb"), strength=0.75)  # type: ignore[arg-type]
    assert infotext_of(drawn_over, PICTURE).settings["Denoising strength"] == "0.75"
