"""txt2img and img2img of the web UI's API: what becomes of every field, with a worker that has no model."""

import json
from typing import Any

import pytest
from PIL import Image

from pipelines.tasks import FirstPass, Inpaint, Lora, SecondPass, Variation
from tests.dialects.a1111 import (
    IMG2IMG,
    STAR,
    TXT2IMG,
    answered,
    asked,
    controlled,
    encoded,
    info_of,
    opened,
    tasks_of,
    unit,
)
from tests.server.serving import Served
from tests.server.worker import flat_colour

SETTINGS = "override_settings"
HIRES = {"enable_hr": True, "hr_upscaler": None}
FIELDS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {"prompt": "a red star", "negative_prompt": "", "model": "flat", "width": 64, "seed": 7, "count": 1}),
    ({"prompt": ""}, {"prompt": ""}),
    ({"seed": "9", "steps": 5.0, "cfg_scale": "7"}, {"seed": 9, "steps": 5, "guidance_scale": 7.0}),
    ({"negative_prompt": "a hat"}, {"negative_prompt": "a hat"}),
    ({"cfg_scale": 7}, {"guidance_scale": 7.0}),
    ({"width": None, "height": None, "steps": None}, {"width": 128, "height": 128, "steps": 8}),
    ({"batch_size": 3}, {"count": 3}),
    ({"sampler_name": "Euler a", "sampler_index": "DDIM"}, {"sampler": "euler_a"}),
    ({"sampler_name": None, "sampler_index": "DDIM"}, {"sampler": "ddim"}),
    ({"sampler_name": "k_euler_a"}, {"sampler": "euler_a"}),
    ({"sampler_name": "DPM++ 2M Karras"}, {"sampler": "dpmpp_2m_karras"}),
    ({"sampler_name": "DPM++ 2M", "scheduler": "Karras"}, {"sampler": "dpmpp_2m_karras"}),
    ({"sampler_name": "DPM++ 2M", "scheduler": "automatic"}, {"sampler": "dpmpp_2m"}),
    ({"sampler_name": "DPM++ 2M Karras", "scheduler": "Uniform"}, {"sampler": "dpmpp_2m"}),
    ({"sampler_name": "Euler a", "scheduler": "Karras"}, {"sampler": "euler_a"}),
    ({"sampler_index": "PLMS"}, {"sampler": "ddim"}),
    ({"prompt": "a star <lora:ink:0.5>"}, {"prompt": "a star"}),
    ({"prompt": "a star <lora:ink:0.5>", "disable_extra_networks": True}, {"prompt": "a star", "loras": ()}),
    ({"styles": ["origami"]}, {"negative_prompt": "photograph of a person, fur, liquid"}),
    ({"subseed": 11, "subseed_strength": 0.25}, {"seed": 7, "variation": Variation(11, 0.25)}),
    ({"subseed": 11}, {"variation": None}),
    ({"tiling": True}, {"seamless": True}),
    (HIRES | {"tiling": True}, {"seamless": True}),
    ({"infotext": "a star\nSteps: 5, Sampler: DDIM, Tiling: True"}, {"seamless": True}),
    ({"seed_resize_from_w": 128, "seed_resize_from_h": 64}, {"noise_size": (128, 64)}),
    ({"seed_resize_from_w": 128, "seed_resize_from_h": 0}, {"noise_size": None}),
    ({SETTINGS: {"CLIP_stop_at_last_layers": 2}}, {"clip_skip": 1}),
    ({SETTINGS: {"sd_model_checkpoint": "flat.safetensors"}}, {"model": "flat"}),
    ({SETTINGS: {"sd_model_checkpoint": "Flat [0123456789]"}}, {"model": "flat"}),
    ({SETTINGS: {"sd_vae": "Automatic"}}, {"vae": None}),
    (HIRES, {"width": 128, "height": 128, "steps": 4, "first_pass": FirstPass(64, 64, 4, 0.75)}),
    (HIRES | {"hr_scale": 1.5, "hr_second_pass_steps": 6}, {"width": 96, "steps": 6}),
    (HIRES | {"hr_resize_x": 80, "hr_resize_y": 96}, {"width": 80, "height": 96}),
    (HIRES | {"hr_resize_x": 96}, {"width": 96, "height": 96}),
    (HIRES | {"firstphase_width": 32, "firstphase_height": 40}, {"width": 64, "height": 64}),
    ({"infotext": "a blue star\nSteps: 5, Sampler: DDIM, Seed: 99, Size: 72x80", "seed": None}, {"seed": 99}),
    ({"infotext": "a blue star\nSteps: 5, Sampler: DDIM, Seed: 99"}, {"prompt": "a red star", "sampler": "ddim"}),
]


@pytest.mark.parametrize(("fields", "meant"), FIELDS)
def test_every_field_of_txt2img_is_heard(shared: Served, fields: dict[str, Any], meant: dict[str, Any]) -> None:
    (task,) = tasks_of(shared, **fields)
    assert {name: getattr(task, name) for name in meant} == meant


def test_a_second_pass_without_strength_is_one_step(shared: Served) -> None:
    (task,) = tasks_of(shared, **HIRES, denoising_strength=0)
    assert int(task.first_pass.strength * task.steps) == 1  # type: ignore[union-attr]


WHITE, HALF = encoded(colour="white"), encoded(32, "white")
REPAINT = {"mask": WHITE, "inpainting_fill": 1, "mask_blur": 0}
OVER: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {"strength": 0.75, "fit": "stretch", "width": 64}),
    ({"denoising_strength": 0.5}, {"strength": 0.5}),
    ({"tiling": True}, {"seamless": True}),
    (REPAINT | {"tiling": True}, {"seamless": False}),
    ({"resize_mode": 1}, {"fit": "crop"}),
    ({"resize_mode": 2}, {"fit": "pad"}),
    ({"width": None, "height": None}, {"width": 64, "height": 64}),
    (REPAINT, {"fill": "original", "only_masked": True, "padding": 0, "mask_blur": 0}),
    (REPAINT | {"inpainting_fill": 0}, {"fill": "blur"}),
    (REPAINT | {"inpainting_fill": 2}, {"fill": "noise"}),
    (REPAINT | {"inpainting_fill": 3}, {"fill": "nothing"}),
    (REPAINT | {"inpaint_full_res": False}, {"only_masked": False}),
    (REPAINT | {"inpaint_full_res": 0}, {"only_masked": False}),
    (REPAINT | {"inpaint_full_res_padding": 16}, {"padding": 16}),
    (REPAINT | {"mask_blur": None}, {"mask_blur": 4}),
    (REPAINT | {"mask_blur": None, "mask_blur_x": 6}, {"mask_blur": 6}),
]


@pytest.mark.parametrize(("fields", "meant"), OVER)
def test_every_field_of_img2img_is_heard(shared: Served, fields: dict[str, Any], meant: dict[str, Any]) -> None:
    (task,) = tasks_of(shared, IMG2IMG, **fields)
    assert {name: getattr(task, name) for name in meant} == meant


@pytest.mark.parametrize(
    ("mask", "invert", "level"), [("white", 0, 255), ("black", 1, 255), ("black", True, 255), ("#101010", 0, 16)]
)
def test_white_is_drawn_anew_or_black_if_that_is_turned_round(
    shared: Served, mask: str, invert: bool | int, level: int
) -> None:
    (task,) = tasks_of(shared, IMG2IMG, mask=encoded(colour=mask), inpainting_mask_invert=invert)
    assert isinstance(task, Inpaint)
    assert set(task.mask.pixels) == {level}


def test_a_mask_of_another_size_is_stretched(shared: Served) -> None:
    (task,) = tasks_of(shared, IMG2IMG, mask=HALF)
    assert isinstance(task, Inpaint)
    assert (task.mask.width, task.mask.height) == (64, 64)


def test_pictures_count_on_from_the_seed_through_all_batches(shared: Served) -> None:
    answer = answered(shared, batch_size=2, n_iter=2)
    pictures = [opened(picture) for picture in answer["images"]]
    assert [picture.tobytes()[:3] for picture in pictures] == [flat_colour(seed) for seed in (7, 8, 9, 10)]
    assert info_of(answer)["all_seeds"] == [7, 8, 9, 10]
    assert len(info_of(answer)["infotexts"]) == 4


def test_with_a_subseed_strength_the_subseeds_count_on_instead(shared: Served) -> None:
    tasks = tasks_of(shared, batch_size=2, n_iter=2, subseed=20, subseed_strength=0.5)
    assert [(task.seed, task.variation) for task in tasks] == [  # type: ignore[union-attr]
        (7, Variation(subseed, 0.5)) for subseed in (20, 21, 22, 23)
    ]


def test_a_seed_below_zero_is_drawn_by_lot_and_told(shared: Served) -> None:
    told = [info_of(answered(shared, seed=-1)) for _ in range(2)]
    assert told[0]["seed"] != told[1]["seed"]
    assert all(each["seed"] >= 0 and each["subseed"] >= 0 for each in told)


def test_several_pictures_are_drawn_over_in_turn(shared: Served) -> None:
    tasks = tasks_of(shared, IMG2IMG, init_images=[encoded(), encoded(colour="blue")], n_iter=2)
    assert [(task.seed, task.image.pixels[2]) for task in tasks] == [(7, 0), (8, 255), (9, 0), (10, 255)]  # type: ignore[union-attr]


def test_the_answer_says_what_was_drawn(shared: Served) -> None:
    answer = answered(shared, negative_prompt="a hat", subseed=5, styles=[])
    told = info_of(answer)
    assert set(answer) == {"images", "parameters", "info"}
    assert answer["parameters"]["prompt"] == "a red star"
    assert answer["parameters"]["batch_size"] == 1
    assert (told["width"], told["height"], told["seed"], told["subseed"]) == (64, 64, 7, 5)
    assert (told["sampler_name"], told["sd_model_name"], told["index_of_first_image"]) == ("Euler", "flat", 0)
    (text,) = told["infotexts"]
    assert text.startswith("a red star\nNegative prompt: a hat\nSteps: 4, Sampler: Euler, Schedule type: Automatic")
    assert opened(answer["images"][0]).info["parameters"] == text


@pytest.mark.parametrize(("name", "format_"), [("png", "PNG"), ("jpg", "JPEG"), ("jpeg", "JPEG"), ("webp", "WEBP")])
def test_every_format_says_what_drew_it_and_png_info_reads_it(shared: Served, name: str, format_: str) -> None:
    answer = answered(shared, override_settings={"samples_format": name, "jpeg_quality": 90})
    (picture,) = answer["images"]
    assert opened(picture).format == format_
    told = shared.client.post("/sdapi/v1/png-info", json={"image": picture}).json()
    assert [told["info"]] == info_of(answer)["infotexts"]
    assert (told["parameters"]["Prompt"], told["parameters"]["Seed"]) == ("a red star", "7")


def test_a_picture_without_a_text_says_nothing(shared: Served) -> None:
    told = shared.client.post("/sdapi/v1/png-info", json={"image": f"data:image/png;base64,{encoded()}"}).json()
    assert told == {"info": "", "items": {}, "parameters": {}}


def test_pictures_may_stay_away(shared: Served) -> None:
    answer = answered(shared, send_images=False)
    assert answer["images"] == []
    assert len(info_of(answer)["infotexts"]) == 1


def test_the_echo_has_the_pictures_only_if_it_is_asked_for_them(shared: Served) -> None:
    assert answered(shared, IMG2IMG)["parameters"]["init_images"] is None
    assert answered(shared, IMG2IMG, include_init_images=True)["parameters"]["init_images"] == [encoded()]


UNITS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {"model": "lines", "annotator": "none", "weight": 1.0, "mode": "balanced", "start": 0.0, "end": 1.0}),
    ({"module": "canny", "weight": 0.5}, {"annotator": "canny", "weight": 0.5}),
    ({"module": "scribble_hed"}, {"annotator": "scribble"}),
    ({"module": "lineart_realistic"}, {"annotator": "lineart"}),
    ({"module": "invert (from white bg & black line)"}, {"annotator": "invert"}),
    ({"control_mode": 2}, {"mode": "control"}),
    ({"control_mode": "My prompt is more important"}, {"mode": "prompt"}),
    ({"guidance_start": 0.2, "guidance_end": 0.8}, {"start": 0.2, "end": 0.8}),
    ({"image": {"image": encoded(), "mask": None}}, {"model": "lines"}),
    ({"image": "", "input_image": encoded()}, {"model": "lines"}),
]


@pytest.mark.parametrize(("fields", "meant"), UNITS)
def test_every_field_of_a_controlnet_unit_is_heard(
    shared: Served, fields: dict[str, Any], meant: dict[str, Any]
) -> None:
    drawing = tasks_of(shared, **controlled(unit(**fields)))[0]
    (control,) = drawing.controls  # type: ignore[union-attr]
    assert {name: getattr(control, name) for name in meant} == meant


@pytest.mark.parametrize(
    ("units", "images"),
    [
        ([], 2),
        ([unit()], 3),
        ([unit(), unit(module="canny")], 4),
        ([unit(), unit(enabled=False)], 3),
        ([unit(save_detected_map=False), unit()], 3),
    ],
)
def test_what_is_followed_comes_behind_the_pictures(shared: Served, units: list[dict[str, Any]], images: int) -> None:
    answer = answered(shared, batch_size=2, **controlled(*units))
    assert len(answer["images"]) == images
    assert len(info_of(answer)["all_seeds"]) == 2


def test_img2img_follows_its_own_picture_unless_the_unit_has_one(shared: Served) -> None:
    drawing = tasks_of(shared, IMG2IMG, init_images=[encoded(colour="blue")], **controlled(unit(image=None)))[0]
    assert drawing.controls[0].image.pixels[:3] == b"\0\0\xff"  # type: ignore[union-attr]


def test_what_changes_nothing_is_named(shared: Served) -> None:
    answer = asked(shared, restore_faces=True, eta=0.5, wings=2, override_settings={"eta_noise": 1})
    named = answer.headers["x-darkroom-ignored-fields"].split(", ")
    assert named == ["eta", "wings", "override_settings.eta_noise", "restore_faces"]


def test_what_webuiapi_always_sends_is_no_reason_for_a_warning(shared: Served) -> None:
    usual = {"eta": 1.0, "s_churn": 0, "s_tmax": 0, "s_tmin": 0, "s_noise": 1, "tiling": False, "restore_faces": False}
    more = {"seed_resize_from_h": 0, "script_args": [], "do_not_save_grid": False, "save_images": True}
    answer = asked(shared, **usual, **more)
    assert {"x-darkroom-ignored-fields", "x-darkroom-warning"}.isdisjoint(answer.headers)


@pytest.mark.parametrize("prompt", ["[a:b:0.5] star", "[a|b]", "a [b:3]"])
def test_prompt_editing_reaches_the_engine_as_it_is_written(shared: Served, prompt: str) -> None:
    before = len(shared.worker.tasks)
    answer = asked(shared, prompt=prompt, negative_prompt=prompt)
    assert (answer.status_code, "x-darkroom-warning" in answer.headers) == (200, False)
    (task,) = shared.worker.tasks[before:]
    assert (task.prompt, task.negative_prompt) == (prompt, prompt)  # type: ignore[union-attr]


SECOND: list[tuple[dict[str, Any], SecondPass]] = [
    ({}, SecondPass()),
    ({"hr_prompt": "a blue star", "hr_negative_prompt": "a hat"}, SecondPass(None, "a blue star", "a hat")),
    ({"hr_prompt": "a star <lora:ink:0.5>"}, SecondPass(prompt="a star", loras=(Lora("ink", 0.5),))),
    ({"hr_prompt": "a star <lora:ink:0.5>", "disable_extra_networks": True}, SecondPass(prompt="a star")),
    ({"hr_sampler_name": "Euler a"}, SecondPass(sampler="euler_a")),
    ({"hr_sampler_name": "PLMS"}, SecondPass(sampler="ddim")),
    ({"hr_scheduler": "Karras", "sampler_name": "DPM++ 2M"}, SecondPass(sampler="dpmpp_2m_karras")),
    ({"hr_sampler_name": "Use same sampler", "hr_scheduler": "Use same scheduler"}, SecondPass()),
    ({"hr_cfg": 5}, SecondPass(guidance_scale=5.0)),
    ({"hr_checkpoint_name": "Flat [0123456789]"}, SecondPass(model="flat")),
    ({"hr_checkpoint_name": "Use same checkpoint"}, SecondPass()),
    ({"hr_upscaler": "Lanczos"}, SecondPass()),
    ({"hr_upscaler": "Latent (bicubic)"}, SecondPass()),
]


@pytest.mark.parametrize(("fields", "meant"), SECOND)
def test_what_is_other_in_the_second_pass_is_heard(shared: Served, fields: dict[str, Any], meant: SecondPass) -> None:
    (task,) = tasks_of(shared, **HIRES | fields)
    assert task.first_pass.second == meant  # type: ignore[union-attr]


def test_what_enlarges_between_passes_is_told_where_it_is_not_what_was_asked_for(shared: Served) -> None:
    latent, lanczos = (asked(shared, **HIRES | {"hr_upscaler": name}) for name in ("Latent", "Lanczos"))
    assert "Lanczos" in latent.headers["x-darkroom-warning"]
    assert {"x-darkroom-ignored-fields", "x-darkroom-warning"}.isdisjoint(lanczos.headers)


def test_a_request_that_is_sent_again_gets_the_same_pictures(shared: Served) -> None:
    body, key = STAR | {"seed": -1, "n_iter": 2}, {"Idempotency-Key": "again"}
    before = len(shared.worker.tasks)
    first, second = (shared.client.post(TXT2IMG, json=body, headers=key).json() for _ in range(2))
    assert len(shared.worker.tasks) == before + 2
    assert second["images"] == first["images"]
    assert info_of(second)["all_seeds"] == info_of(first)["all_seeds"]
    assert info_of(second)["infotexts"] == info_of(first)["infotexts"]


# What the tests of the web UI itself ask of its API, at 64x64 and in 3 steps.
OF_ITS_OWN_TESTS: list[dict[str, Any]] = [
    {},
    {"negative_prompt": "example negative prompt"},
    {"prompt": "((emphasized)), (emphasized1:1.1), [to:1], [from::2], [from:to:0.3], [alternate|alternate1]"},
    {"negative_prompt": "((emphasized)), (emphasized1:1.1), [to:1], [from::2], [from:to:0.3], [alternate|alternate1]"},
    {"enable_hr": True, "denoising_strength": 0},
    {"sampler_index": "PLMS"},
    {"sampler_index": "DDIM"},
    {"sampler_index": "UniPC"},
    {"restore_faces": True},
    {"tiling": True},
    {"n_iter": 2, "batch_size": 2},
]


@pytest.mark.parametrize("fields", OF_ITS_OWN_TESTS)
def test_what_the_web_ui_s_own_tests_ask_for_is_drawn(shared: Served, fields: dict[str, Any]) -> None:
    usual = {
        "prompt": "example prompt", "styles": [], "seed": -1, "subseed": -1, "subseed_strength": 0,
        "seed_resize_from_h": -1, "seed_resize_from_w": -1, "batch_size": 1, "n_iter": 1, "steps": 3, "cfg_scale": 7,
        "width": 64, "height": 64, "restore_faces": False, "tiling": False, "enable_hr": False, "eta": 0,
        "s_churn": 0, "s_tmax": 0, "s_tmin": 0, "s_noise": 1, "sampler_index": "Euler a", "denoising_strength": 0,
        "firstphase_width": 0, "firstphase_height": 0, "negative_prompt": "",
    }  # fmt: skip
    assert shared.client.post(TXT2IMG, json=usual | fields).status_code == 200


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"mask": encoded(colour="white")},
        {"mask": encoded(colour="black"), "inpainting_mask_invert": True},
        {"script_name": "sd upscale", "script_args": ["", 8, "Lanczos", 2.0]},
    ],
)
def test_so_is_what_they_ask_of_img2img(shared: Served, fields: dict[str, Any]) -> None:
    usual = {
        "init_images": [encoded()], "resize_mode": 0, "denoising_strength": 0.75, "mask": None, "mask_blur": 4,
        "inpainting_fill": 0, "inpaint_full_res": False, "inpaint_full_res_padding": 0, "inpainting_mask_invert": False,
        "prompt": "example prompt", "styles": [], "seed": -1, "steps": 3, "cfg_scale": 7, "width": 64, "height": 64,
        "sampler_index": "Euler a", "include_init_images": False,
    }  # fmt: skip
    assert shared.client.post(IMG2IMG, json=usual | fields).status_code == 200


# What programs send, as they send it; what they read of the answer is in the test.
OF_PROGRAMS: dict[str, dict[str, Any]] = {
    "Open WebUI": {"prompt": "a red star", "batch_size": 2, "width": 512, "height": 512},
    "Open WebUI with its parameters": {
        "prompt": "a red star", "batch_size": 2, "width": 512, "height": 512, "steps": 5, "negative_prompt": "a hat",
        "cfg_scale": 5.0, "sampler_name": "Euler a", "scheduler": "Automatic",
    },
    "SillyTavern": {
        "prompt": "a red star", "negative_prompt": "a hat", "sampler_name": "Euler a", "scheduler": "automatic",
        "steps": 5, "cfg_scale": 7, "width": 256, "height": 256, "restore_faces": False, "enable_hr": True,
        "hr_upscaler": "Latent", "hr_scale": 2, "denoising_strength": 0.7, "hr_second_pass_steps": 0, "seed": -1,
        "override_settings": {"CLIP_stop_at_last_layers": 1, "sd_vae": "Automatic"}, "send_images": True,
        "save_images": True, "do_not_save_grid": False, "do_not_save_samples": False, "batch_size": 2,
    },
    "LibreChat": {
        "prompt": "a red star", "negative_prompt": "a hat", "cfg_scale": 4.5, "steps": 9, "width": 512, "height": 512,
        "n_iter": 2,
    },
}  # fmt: skip


@pytest.mark.parametrize("program", OF_PROGRAMS)
def test_what_programs_send_is_drawn_and_answered_as_they_read_it(shared: Served, program: str) -> None:
    answer = shared.client.post(TXT2IMG, json=OF_PROGRAMS[program]).raise_for_status().json()
    assert [opened(picture).size for picture in answer["images"]] == [(512, 512)] * 2
    told = json.loads(answer["info"])
    assert {"seed", "width", "height", "prompt"} <= set(told)
    assert told["infotexts"][0].startswith("a red star\n")


def test_the_picture_has_the_size_asked_for_down_to_64(shared: Served) -> None:
    picture: Image.Image = opened(answered(shared, width=64, height=72)["images"][0])
    assert picture.size == (64, 72)
