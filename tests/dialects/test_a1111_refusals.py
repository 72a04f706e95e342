"""txt2img and img2img of the web UI's API refuse what is wrong in its own shape, and open to the right keys alone."""

import json
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.dialects.a1111.asking import Img2Img, Txt2Img
from tests.dialects.a1111 import IMG2IMG, STAR, TXT2IMG, asked, controlled, encoded, unit
from tests.server.serving import KEY, Serve, Served, key_for

MARK = "do not repeat me"
BAD: list[tuple[str, dict[str, Any], int]] = [
    (TXT2IMG, {"prompt": [MARK]}, 422),
    (TXT2IMG, {"prompt": MARK * 400}, 422),
    (TXT2IMG, {"prompt": f"{MARK}\0"}, 422),
    (TXT2IMG, {"seed": 2**63}, 422),
    (TXT2IMG, {"seed": 2**63 - 1, "batch_size": 2}, 422),
    (TXT2IMG, {"seed": MARK}, 422),
    (TXT2IMG, {"seed": 7.5}, 422),
    (TXT2IMG, {"cfg_scale": "nan"}, 422),
    (TXT2IMG, {"subseed_strength": 2}, 422),
    (TXT2IMG, {"sampler_name": MARK}, 422),
    (TXT2IMG, {"scheduler": MARK}, 422),
    (TXT2IMG, {"batch_size": 0}, 422),
    (TXT2IMG, {"batch_size": 101}, 422),
    (TXT2IMG, {"batch_size": 11}, 422),
    (TXT2IMG, {"n_iter": [1]}, 422),
    (TXT2IMG, {"restore_faces": 2}, 422),
    (TXT2IMG, {"steps": 0}, 422),
    (TXT2IMG, {"steps": 10**9}, 422),
    (TXT2IMG, {"cfg_scale": -1e300}, 422),
    (TXT2IMG, {"width": 9999}, 422),
    (TXT2IMG, {"width": 0}, 422),
    (TXT2IMG, {"denoising_strength": 1.5}, 422),
    (TXT2IMG, {"styles": MARK}, 422),
    (TXT2IMG, {"force_task_id": ""}, 422),
    (TXT2IMG, {"override_settings": [MARK]}, 422),
    (TXT2IMG, {"override_settings": {"sd_model_checkpoint": MARK}}, 404),
    (TXT2IMG, {"override_settings": {"sd_model_checkpoint": "absent"}}, 503),
    (TXT2IMG, {"override_settings": {"sd_model_checkpoint": "enlarger"}}, 422),
    (TXT2IMG, {"override_settings": {"sd_model_checkpoint": [MARK]}}, 422),
    (TXT2IMG, {"override_settings": {"sd_vae": MARK}}, 404),
    (TXT2IMG, {"override_settings": {"CLIP_stop_at_last_layers": 0}}, 422),
    (TXT2IMG, {"override_settings": {"CLIP_stop_at_last_layers": "2"}}, 422),
    (TXT2IMG, {"override_settings": {"samples_format": "gif"}}, 422),
    (TXT2IMG, {"override_settings": {"jpeg_quality": 0}}, 422),
    (TXT2IMG, {"prompt": "a star <lora:nobody:1>"}, 404),
    (TXT2IMG, {"script_name": MARK}, 422),
    (TXT2IMG, {"enable_hr": True, "hr_scale": 9}, 422),
    (TXT2IMG, {"enable_hr": True, "hr_resize_x": 9000}, 422),
    (TXT2IMG, {"enable_hr": True, "hr_upscaler": "glass"}, 422),
    (TXT2IMG, {"enable_hr": True, "hr_upscaler": "enlarger"}, 503),
    (TXT2IMG, {"enable_hr": True, "hr_sampler_name": "glass"}, 422),
    (TXT2IMG, {"enable_hr": True, "hr_scheduler": "glass"}, 422),
    (TXT2IMG, {"enable_hr": True, "hr_cfg": 1000}, 422),
    (TXT2IMG, {"seed_resize_from_w": 9000, "seed_resize_from_h": 64}, 422),
    (TXT2IMG, {"enable_hr": True, "hr_checkpoint_name": "glass"}, 404),
    (TXT2IMG, {"enable_hr": True, "hr_prompt": "a <lora:glass:1>"}, 404),
    (TXT2IMG, {"enable_hr": True, "steps": 0}, 422),
    (TXT2IMG, {"alwayson_scripts": MARK}, 422),
    (TXT2IMG, {"alwayson_scripts": {"ControlNet": MARK}}, 422),
    (TXT2IMG, {"alwayson_scripts": {"ADetailer": {"args": [True, {}]}}}, 422),
    (TXT2IMG, controlled({MARK: MARK}), 422),
    (TXT2IMG, controlled(unit(image=MARK)), 422),
    (TXT2IMG, controlled(unit(image=None)), 422),
    (TXT2IMG, controlled(unit(module=MARK)), 422),
    (TXT2IMG, controlled(unit(model="None")), 422),
    (TXT2IMG, controlled(unit(model=MARK)), 404),
    (TXT2IMG, controlled(unit(weight=3)), 422),
    (TXT2IMG, controlled(unit(control_mode=7)), 422),
    (TXT2IMG, controlled(unit(guidance_start=0.9, guidance_end=0.1)), 422),
    (TXT2IMG, controlled(*[unit()] * 5), 422),
    (IMG2IMG, {"init_images": None}, 422),
    (IMG2IMG, {"init_images": []}, 422),
    (IMG2IMG, {"init_images": [MARK]}, 422),
    (IMG2IMG, {"init_images": MARK}, 422),
    (IMG2IMG, {"mask": MARK}, 422),
    (IMG2IMG, {"mask": encoded(colour="black")}, 422),
    (IMG2IMG, {"resize_mode": 4}, 422),
    (IMG2IMG, {"inpainting_fill": 4}, 422),
    (IMG2IMG, {"inpainting_mask_invert": 2}, 422),
    (IMG2IMG, {"mask_blur": -1}, 422),
    (IMG2IMG, {"script_name": MARK}, 422),
    (IMG2IMG, {"script_name": "sd upscale", "script_args": ["", 8, MARK, 2.0]}, 422),
    (IMG2IMG, {"script_name": "sd upscale", "script_args": ["", 8, 7, 2.0]}, 422),
    (IMG2IMG, {"script_name": "sd upscale", "script_args": ["", 8, "Lanczos", 99]}, 422),
]


def is_refused_politely(answer: httpx.Response, status: int) -> None:
    """FastAPI's list or the web UI's four words, with a sentence, and nothing of what was sent."""
    assert answer.status_code == status, answer.text
    told = answer.json()
    if isinstance(told["detail"], list):
        assert set(told["detail"][0]) == {"loc", "msg", "type"}
        sentence = told["detail"][0]["msg"]
    else:
        assert set(told) == {"error", "detail", "body", "errors"}
        sentence = told["detail"]
    assert sentence.endswith(".")
    assert len(sentence) > 20
    assert MARK not in answer.text


@pytest.mark.parametrize(("path", "fields", "status"), BAD)
def test_a_bad_field_gets_a_sentence_and_no_echo(
    shared: Served, path: str, fields: dict[str, Any], status: int
) -> None:
    own = {"init_images": [encoded()]} if path == IMG2IMG else {}
    is_refused_politely(shared.client.post(path, json=STAR | own | fields), status)


@pytest.mark.parametrize(
    "content", [b"", b"[1]", b"{", b'{"prompt": "\\ud800"}', b'{"cfg_scale": NaN}', b'{"prompt": "\xff"}', b"[" * 9999]
)
@pytest.mark.parametrize("path", [TXT2IMG, IMG2IMG, "/sdapi/v1/png-info", "/internal/progress"])
def test_a_bad_body_gets_a_sentence_and_no_echo(shared: Served, path: str, content: bytes) -> None:
    is_refused_politely(shared.client.post(path, content=content), 422)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(sorted(Txt2Img.model_fields)), ANYTHING, max_size=4))
def test_no_value_of_any_field_of_txt2img_is_our_fault(shared: Served, fields: dict[str, object]) -> None:
    answer = shared.client.post(TXT2IMG, content=json.dumps(STAR | fields).encode())
    assert answer.status_code in (200, 404, 422), answer.text


@given(st.dictionaries(st.sampled_from(sorted(Img2Img.model_fields)), ANYTHING, max_size=4))
def test_no_value_of_any_field_of_img2img_is_our_fault(shared: Served, fields: dict[str, object]) -> None:
    whole = STAR | {"init_images": [encoded()]} | fields
    answer = shared.client.post(IMG2IMG, content=json.dumps(whole).encode())
    assert answer.status_code in (200, 404, 422), answer.text


@pytest.mark.parametrize(
    ("auth", "headers", "status"),
    [
        pytest.param(("anybody", KEY), {}, 200, id="the key as a password"),
        pytest.param(None, {"Authorization": f"Bearer {KEY}"}, 200, id="the key as a token"),
        pytest.param(("anybody", MARK), {}, 401, id="a wrong password"),
        pytest.param(None, {"Authorization": ""}, 401, id="an empty header"),
        pytest.param(None, {}, 401, id="nothing"),
    ],
)
def test_the_key_is_the_password(
    shared: Served, auth: tuple[str, str] | None, headers: dict[str, str], status: int
) -> None:
    answer = httpx.post(f"{shared.url}{TXT2IMG}", json=STAR, auth=auth, headers=headers, trust_env=False)
    if status == 200:
        assert answer.status_code == 200
    else:
        is_refused_politely(answer, status)


def test_without_keys_an_empty_header_opens_the_door(serve: Serve) -> None:
    served = serve(auth=False)
    answer = httpx.post(f"{served.url}{TXT2IMG}", json=STAR, headers={"authorization": ""}, trust_env=False)
    assert answer.status_code == 200


@pytest.mark.parametrize("prefix", ["/sdapi/v1", "/internal", "/queue", "/controlnet", "/rembg"])
def test_an_address_that_is_not_there_is_told_in_the_web_ui_s_shape(shared: Served, prefix: str) -> None:
    is_refused_politely(shared.client.get(f"{prefix}/nothing"), 404)


def test_a_limit_is_told_in_the_web_ui_s_words(shared: Served) -> None:
    assert asked(shared, batch_size=11).json()["detail"].startswith("batch_size must be from 1 to 10")
    assert asked(shared, cfg_scale=99).json()["detail"].startswith("cfg_scale must be from 1 to 30")


def test_a_key_draws_with_its_own_models_whatever_is_overridden(shared: Served) -> None:
    headers = {"Authorization": f"Bearer {key_for(shared, models=['another'])}"}
    for settings in ({}, {"sd_model_checkpoint": "flat"}):
        body = STAR | {"override_settings": settings}
        is_refused_politely(shared.client.post(TXT2IMG, json=body, headers=headers), 403)


def test_a_failed_job_is_told_in_the_web_ui_s_shape(serve: Serve) -> None:
    served = serve()
    served.worker.failing = ("out_of_memory", "The device has not enough memory: ask for a smaller size.")
    is_refused_politely(asked(served), 503)
