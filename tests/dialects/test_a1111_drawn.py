"""Pictures that `webuiapi` gets from the shapes models, as the judge sees them: colour, place, mask, seed."""

import io
from random import Random
from typing import Any

import httpx
import pytest
import webuiapi
from PIL import Image, ImageDraw

from pipelines.demo.draw import draw_scene
from pipelines.demo.world import Scene, Thing
from tests.dialects.a1111 import web_ui
from tests.judge import look

pytestmark = pytest.mark.draws

STAR = {"prompt": "a big yellow star on a black background", "seed": 3, "width": 128, "height": 128, "cfg_scale": 2.5}


@pytest.fixture
def client(clients: dict[str, httpx.Client], monkeypatch: pytest.MonkeyPatch) -> webuiapi.WebUIApi:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    client = web_ui(str(clients[""].base_url).rstrip("/"))
    client.default_steps = 10
    return client


def flat(colour: str, size: int = 128) -> Image.Image:
    return Image.new("RGB", (size, size), colour)


def right_half(size: int = 128) -> Image.Image:
    mask = Image.new("L", (size, size))
    ImageDraw.Draw(mask).rectangle((size // 2, 0, size, size), fill="white")
    return mask


def scene(background: str, colour: str, shape: str, place: str = "middle") -> Image.Image:
    return draw_scene(Scene(background, (Thing(colour, shape, "big", place),)), 128, 128, Random(1))


def pixels(picture: Image.Image) -> bytes:
    return picture.convert("RGB").tobytes()


def test_txt2img_draws_what_the_prompt_says_and_each_seed_again(client: webuiapi.WebUIApi) -> None:
    both = client.txt2img(**STAR, batch_size=2)
    (second,) = client.txt2img(**STAR | {"seed": 4}).images
    for picture in both.images:
        seen = look(picture.convert("RGB"))
        assert (picture.size, seen.background, seen.colour) == ((128, 128), "black", "yellow")
    difference = max(abs(a - b) for a, b in zip(pixels(both.images[1]), pixels(second), strict=True))
    assert difference <= 1, "the picture of a seed does not depend on its neighbours"
    assert both.info["all_seeds"] == [3, 4]
    assert both.info["infotexts"] == [picture.info["parameters"] for picture in both.images]


def test_png_info_gives_back_what_drew_a_picture(client: webuiapi.WebUIApi) -> None:
    result = client.txt2img(**STAR)
    assert client.png_info(result.image).info == result.info["infotexts"][0]


def test_a_tiny_picture_has_the_size_asked_for(client: webuiapi.WebUIApi) -> None:
    assert client.txt2img(**STAR | {"width": 64, "height": 64}, steps=3).image.size == (64, 64)


def test_hires_draws_over_the_enlarged_picture(client: webuiapi.WebUIApi) -> None:
    result = client.txt2img(**STAR, enable_hr=True, hr_scale=1.5, denoising_strength=0.6)
    seen = look(result.image.convert("RGB"))
    assert (result.image.size, seen.background, seen.colour) == ((192, 192), "black", "yellow")
    assert "Hires resize: 192x192" in result.info["infotexts"][0]


def test_hires_draws_over_by_words_and_a_sampler_of_its_own(client: webuiapi.WebUIApi) -> None:
    second = {"hr_prompt": "a big red star on a black background", "hr_upscaler": "Lanczos"}
    more = {"hr_sampler_name": "Euler a", "hr_second_pass_steps": 8}
    result = client.txt2img(**STAR, enable_hr=True, hr_scale=1.5, denoising_strength=1.0, **second, **more)
    seen = look(result.image.convert("RGB"))
    assert (result.image.size, seen.background, seen.colour) == ((192, 192), "black", "red")
    (text,) = result.info["infotexts"]
    assert text.startswith(STAR["prompt"])
    assert "Hires sampler: Euler a" in text
    assert "Hires prompt: a big red star on a black background" in text


def test_words_change_on_the_way(client: webuiapi.WebUIApi) -> None:
    plain, at_once, never = (
        client.txt2img(**STAR | {"prompt": f"a big {colour} star on a black background"}).image.convert("RGB")
        for colour in ("yellow", "[red:yellow:0]", "[red:yellow:1.0]")
    )
    assert pixels(at_once) == pixels(plain)
    assert look(never).colour == "red"


def test_a_lora_is_drawn_with_by_its_tag(client: webuiapi.WebUIApi) -> None:
    inked = client.txt2img(**STAR | {"prompt": f"{STAR['prompt']} <lora:shapes-ink:1>"}).image
    assert look(inked.convert("RGB")).background == "white"


def test_img2img_draws_over_a_picture(client: webuiapi.WebUIApi) -> None:
    result = client.img2img(images=[scene("white", "red", "circle")], **STAR, denoising_strength=0.9)
    assert look(result.image.convert("RGB")).colour == "yellow"


@pytest.mark.parametrize("invert", [0, 1])
def test_white_is_drawn_anew_and_black_stays(client: webuiapi.WebUIApi, invert: int) -> None:
    mask = right_half() if not invert else Image.eval(right_half(), lambda level: 255 - level)
    before = flat("white")
    after = client.img2img(
        images=[before],
        mask_image=mask,
        mask_blur=0,
        inpaint_full_res=False,
        inpainting_mask_invert=invert,
        inpainting_fill=2,
        **STAR | {"prompt": "a big red square on a blue background"},
        denoising_strength=1.0,
    ).image.convert("RGB")
    left, right = (0, 0, 64, 128), (64, 0, 128, 128)
    assert pixels(after.crop(left)) == pixels(before.crop(left)), "what is not marked stays, to the bit"
    assert pixels(after.crop(right)) != pixels(before.crop(right))


def test_only_the_masked_part_is_drawn_at_full_size_and_put_back(client: webuiapi.WebUIApi) -> None:
    before = scene("white", "red", "circle", "left").resize((256, 256))
    mask = Image.new("L", before.size)
    ImageDraw.Draw(mask).rectangle((150, 70, 250, 180), fill="white")
    wish = STAR | {"prompt": "a big blue circle on a white background"}
    result = client.img2img(
        images=[before], mask_image=mask, mask_blur=0, inpainting_fill=0, inpaint_full_res=True,
        inpaint_full_res_padding=16, denoising_strength=1.0, **wish,
    )  # fmt: skip
    after = result.image.convert("RGB")
    assert after.size == (256, 256)
    assert pixels(after.crop((0, 0, 140, 256))) == pixels(before.crop((0, 0, 140, 256)))


def test_sd_upscale_draws_over_the_enlarged_picture(client: webuiapi.WebUIApi) -> None:
    result = client.img2img(
        images=[scene("black", "yellow", "star")],
        script_name="sd upscale",
        script_args=["", 8, "Lanczos", 2.0],
        **STAR,
        denoising_strength=0.1,
    )
    seen = look(result.image.convert("RGB"))
    assert (result.image.size, seen.background, seen.colour) == ((256, 256), "black", "yellow")
    assert "Size: 256x256" in result.info["infotexts"][0]
    assert result.info["infotexts"][0] == result.image.info["parameters"]


def test_a_controlnet_puts_the_thing_where_the_lines_are(client: webuiapi.WebUIApi) -> None:
    lines = scene("white", "red", "star", "left")
    unit = webuiapi.ControlNetUnit(image=lines, module="canny", model="shapes-control")
    wish: dict[str, Any] = STAR | {"prompt": "a big yellow star on a black background"}
    result = client.txt2img(**wish, controlnet_units=[unit], alwayson_scripts={})  # the client keeps its own default
    picture, detected = result.images
    assert (look(picture.convert("RGB")).place, look(picture.convert("RGB")).colour) == ("left", "yellow")
    assert detected.size == lines.size
    assert detected.convert("L").getextrema() == (0, 255), "white lines on black"


def test_the_same_seed_is_the_same_picture_through_our_own_api(
    client: webuiapi.WebUIApi, clients: dict[str, httpx.Client]
) -> None:
    theirs = client.txt2img(**STAR | {"cfg_scale": 2.5}, sampler_name="Euler").image
    wish = {"prompt": STAR["prompt"], "seed": 3, "width": 128, "height": 128, "steps": 10, "guidance_scale": 2.5}
    wish |= {"task": "text_to_image", "sampler": "euler"}
    answer = clients[""].post("/darkroom/v1/jobs", json=wish, headers={"Accept": "image/png"}).raise_for_status()
    ours = Image.open(io.BytesIO(answer.content))
    assert max(abs(a - b) for a, b in zip(pixels(theirs), pixels(ours), strict=True)) <= 1


def test_a_name_of_another_service_is_drawn_by_what_stands_in_and_that_is_told(
    clients: dict[str, httpx.Client],
) -> None:
    wish = STAR | {"width": 64, "height": 64, "steps": 2, "override_settings": {"sd_model_checkpoint": "sdxl"}}
    answer = clients[""].post("/sdapi/v1/txt2img", json=wish).raise_for_status()
    assert answer.headers["x-darkroom-model"] == "shapes-xl"
    assert "stands in for it" in answer.headers["x-darkroom-warning"]
    assert answer.json()["images"]
