"""`webuiapi` against the dialect of AUTOMATIC1111: every method that this server's pipelines can serve."""

import threading
import time

import webuiapi
from checking import ALIKE, OTHER, PROMPT, RED, STAR, Absent, Desk, fails, run
from webuiapi import ControlNetUnit, RemBGInterface, WebUIApi

SIZE = {"width": 128, "height": 128}
DRAWN = SIZE | {"sampler_name": "Euler", "scheduler": "automatic", "steps": 20, "cfg_scale": 4.0, "seed": 7}
SCENE = {"colour": "blue", "shape": "star", "background": "white", "place": "middle"}
LISTS = (
    "get_samplers get_schedulers get_sd_vae get_upscalers get_latent_upscale_modes get_loras get_sd_models "
    "get_hypernetworks get_face_restorers get_realesrgan_models get_prompt_styles"
).split()


def api_of(desk: Desk) -> WebUIApi:
    return WebUIApi(port=desk.port, username="anybody", password=desk.key)


def check_txt2img(desk: Desk) -> None:
    result = api_of(desk).txt2img(prompt=PROMPT, **DRAWN)
    desk.got(result.image, shows=STAR, alike=True)
    assert result.info["seed"] == ALIKE["seed"]
    assert result.info["infotexts"][0].startswith(PROMPT)


def check_txt2img_in_batches_counts_the_seed_on(desk: Desk) -> None:
    result = api_of(desk).txt2img(prompt=PROMPT, batch_size=2, n_iter=2, **DRAWN)
    assert result.info["all_seeds"] == [7, 8, 9, 10]
    assert len(result.images) == 4
    for picture in result.images:
        desk.got(picture, shows={"background": "black"})


def check_the_same_seed_gives_the_same_picture(desk: Desk) -> None:
    one, other = (api_of(desk).txt2img(prompt=PROMPT, **DRAWN).image for _ in range(2))
    assert one.tobytes() == other.tobytes()


def check_txt2img_asynchronously(desk: Desk) -> None:
    import asyncio

    async def drawn() -> object:
        return await api_of(desk).txt2img(prompt=PROMPT, use_async=True, **DRAWN)

    desk.got(asyncio.run(drawn()).image, shows=STAR)  # type: ignore[attr-defined]


def check_hires_fix(desk: Desk) -> None:
    said = DRAWN | {"width": 96, "height": 96}
    result = api_of(desk).txt2img(
        prompt=PROMPT, enable_hr=True, hr_scale=2, hr_upscaler="Latent", denoising_strength=0.5, **said
    )
    desk.got(result.image, (192, 192), {"colour": "yellow", "background": "black", "place": "middle"})


def check_a_lora_in_the_prompt(desk: Desk) -> None:
    plain, inked = (api_of(desk).txt2img(prompt=PROMPT + tag, **DRAWN).image for tag in ("", " <lora:shapes-ink:1>"))
    assert plain.tobytes() != inked.tobytes()
    desk.got(inked, shows={"background": "white"})


def check_img2img(desk: Desk) -> None:
    result = api_of(desk).img2img(images=[desk.open("scene")], prompt=OTHER, denoising_strength=0.9, **DRAWN)
    desk.got(result.image, shows=RED)


def check_inpainting_repaints_what_is_white(desk: Desk) -> None:
    result = api_of(desk).img2img(
        images=[desk.open("scene")], mask_image=desk.open("white"), prompt=OTHER, denoising_strength=1.0,
        inpainting_fill=1, inpaint_full_res=False, **DRAWN,
    )  # fmt: skip
    desk.got(result.image, shows=RED, masked=True)


def check_the_script_sd_upscale(desk: Desk) -> None:
    """Gently: each tile is drawn by the whole prompt, and soon shows a star of its own."""
    result = api_of(desk).img2img(
        images=[desk.open("scene")], prompt="a big blue star on a white background", denoising_strength=0.1,
        script_name="SD upscale", script_args=["", 64, "Lanczos", 2.0], **DRAWN,
    )  # fmt: skip
    desk.got(result.image, (256, 256), SCENE)


def check_a_style_of_the_list(desk: Desk) -> None:
    api = api_of(desk)
    style = api.get_prompt_styles()[0]["name"]
    plain, styled = (api.txt2img(prompt=PROMPT, styles=styles, **DRAWN) for styles in ([], [style]))
    assert styled.info["styles"] == [style]
    assert styled.info["prompt"] != plain.info["prompt"]
    desk.got(styled.image)


def check_extra_single_image(desk: Desk) -> None:
    result = api_of(desk).extra_single_image(desk.open("scene"), upscaler_1=webuiapi.Upscaler.Lanczos)
    desk.got(result.image, (256, 256), SCENE)


def check_extra_batch_images(desk: Desk) -> None:
    scene = desk.open("scene")
    result = api_of(desk).extra_batch_images([scene, scene], upscaler_1="Lanczos", upscaling_resize=1.5)
    assert len(result.images) == 2
    for picture in result.images:
        desk.got(picture, (192, 192), SCENE)


def check_png_info(desk: Desk) -> None:
    api = api_of(desk)
    result = api.png_info(api.txt2img(prompt=PROMPT, **DRAWN).image)
    assert result.info.startswith(PROMPT)
    assert result.parameters["Seed"] == "7"


def check_interrogate(desk: Desk) -> None:
    try:
        result = api_of(desk).interrogate(desk.open("scene"))
    except RuntimeError as error:
        if error.args[0] == 503:
            raise Absent("no captioner is installed, and the answer is a 503 that says so") from None
        raise
    assert result.info


def check_options(desk: Desk) -> None:
    api = api_of(desk)
    options = api.get_options()
    api.set_options(options | {"send_seed": not options["send_seed"]})
    assert api.get_options() == options | {"send_seed": not options["send_seed"]}
    api.set_options(options)
    assert api.get_options() == options


def check_setting_the_model(desk: Desk) -> None:
    api = api_of(desk)
    name = api.util_get_model_names()[0]
    api.util_set_model(name)
    assert api.util_get_current_model() == name


def check_the_lists(desk: Desk) -> None:
    api = api_of(desk)
    for name in LISTS:
        assert isinstance(getattr(api, name)(), list), name
    assert "Euler a" in api.util_get_sampler_names()
    assert "karras" in api.util_get_scheduler_names()
    assert api.get_embeddings().keys() == {"loaded", "skipped"}
    assert api.get_scripts().keys() == {"txt2img", "img2img"}
    assert api.get_memory()["ram"]
    assert api.get_cmd_flags()["api"] is True
    assert api.refresh_checkpoints() is None


def check_progress_is_nothing_while_nothing_is_drawn(desk: Desk) -> None:
    api = api_of(desk)
    api.util_wait_for_ready(check_interval=0.2)
    assert api.get_progress()["state"]["job_count"] == 0


def check_progress_and_interrupt_while_something_is_drawn(desk: Desk) -> None:
    """Fifty steps of ten pictures would take long; an interrupt ends them."""
    done = threading.Event()

    def draw() -> None:
        try:
            api_of(desk).txt2img(prompt=PROMPT, n_iter=10, **DRAWN | {"steps": 50})
        except RuntimeError:
            pass  # nothing was finished before the interrupt
        finally:
            done.set()

    api = api_of(desk)
    threading.Thread(target=draw).start()
    until = time.monotonic() + 60
    while api.get_progress()["progress"] == 0 and time.monotonic() < until:
        time.sleep(0.05)
    assert not done.is_set(), "no progress was seen"
    api.interrupt()
    api.skip()
    assert done.wait(60), "the interrupt ended nothing"


def check_skip_leaves_out_one_batch(desk: Desk) -> None:
    drawn: list[webuiapi.WebUIApiResult] = []

    def draw() -> None:
        drawn.append(api_of(desk).txt2img(prompt=PROMPT, n_iter=3, **DRAWN | {"steps": 60}))

    api, thread = api_of(desk), threading.Thread(target=draw)
    thread.start()
    until = time.monotonic() + 60
    while api.get_progress()["progress"] == 0 and time.monotonic() < until:
        time.sleep(0.05)
    api.skip()
    thread.join(120)
    assert [len(result.images) for result in drawn] == [2]


def check_controlnet_version_and_lists(desk: Desk) -> None:
    api = api_of(desk)
    assert api.controlnet_version() == 3
    assert "canny" in api.controlnet_module_list()
    assert api.controlnet_model_list()


def _unit(desk: Desk) -> ControlNetUnit:
    """Gently, or what the model was told of colours counts less than the lines."""
    model = api_of(desk).controlnet_model_list()[0]
    return ControlNetUnit(image=desk.open("scene"), module="canny", model=model, weight=0.6)


def check_controlnet_txt2img_shows_its_map(desk: Desk) -> None:
    result = api_of(desk).txt2img(prompt=OTHER, controlnet_units=[_unit(desk)], **DRAWN | {"cfg_scale": 2.5})
    assert len(result.images) == 2, "the picture, and what the ControlNet followed"
    desk.got(result.images[0], shows=RED)


def check_controlnet_img2img(desk: Desk) -> None:
    result = api_of(desk).img2img(
        images=[desk.open("scene")], prompt=OTHER, denoising_strength=0.9, controlnet_units=[_unit(desk)],
        **DRAWN | {"cfg_scale": 2.5},
    )  # fmt: skip
    desk.got(result.images[0], shows=RED)


def check_controlnet_detect(desk: Desk) -> None:
    result = api_of(desk).controlnet_detect([desk.open("scene")], module="canny")
    lines = desk.got(result.image).convert("L")
    assert lines.getextrema() == (0, 255)


def check_rembg(desk: Desk) -> None:
    cutout = desk.got(RemBGInterface(api_of(desk)).rembg(desk.open("scene")).image)
    assert cutout.mode == "RGBA"
    assert cutout.getpixel((1, 1))[3] == 0
    assert cutout.getpixel((64, 64))[3] == 255


def check_rembg_tells_the_mask(desk: Desk) -> None:
    mask = desk.got(RemBGInterface(api_of(desk)).rembg(desk.open("scene"), return_mask=True).image).convert("L")
    assert (mask.getpixel((1, 1)), mask.getpixel((64, 64))) == (0, 255)


def check_an_unknown_sampler_is_refused(desk: Desk) -> None:
    raised = fails(RuntimeError, lambda: api_of(desk).txt2img(prompt=PROMPT, **DRAWN | {"sampler_name": "nobody's"}))
    assert 400 <= raised.args[0] < 500


def check_a_wrong_password_is_refused(desk: Desk) -> None:
    api = WebUIApi(port=desk.port, username="anybody", password="wrong")
    assert fails(RuntimeError, lambda: api.txt2img(prompt=PROMPT)).args[0] == 401


run(globals())
