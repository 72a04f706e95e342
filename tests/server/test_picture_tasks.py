"""Tasks with pictures over HTTP: what reaches the worker, what is refused and how it is told."""

import base64
import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipelines.engine.protocol import Previewed
from pipelines.tasks import (
    Control,
    FirstPass,
    ImagePrompt,
    ImageToImage,
    Inpaint,
    Lora,
    Outpaint,
    Raster,
    TextToImage,
    Variation,
)
from tests.server.serving import Serve, Served, leaving, until
from tests.server.worker import StepWorker

JOBS = "/darkroom/v1/jobs"
RED = (220, 40, 40)


TURNED = Image.Exif()
TURNED[0x0112] = 6  # its top is at the right


def encoded(image: Image.Image, format_: str = "PNG", **options: Any) -> str:
    file = io.BytesIO()
    image.save(file, format_, **options)
    return base64.b64encode(file.getvalue()).decode()


def plain(width: int = 96, height: int = 64, mode: str = "RGB", colour: Any = RED) -> Image.Image:
    return Image.new(mode, (width, height), colour)


def half_mask(width: int = 96, height: int = 64) -> Image.Image:
    mask = Image.new("L", (width, height))
    mask.paste(255, (0, 0, width // 2, height))
    return mask


OVER = {"task": "image_to_image", "prompt": "a star", "seed": 1, "image": encoded(plain())}
INSIDE = {**OVER, "task": "inpaint", "mask": encoded(half_mask())}
BEYOND = {**OVER, "task": "outpaint", "right": 32}
STAR = {"task": "text_to_image", "prompt": "a star", "seed": 1}
LINES = {"model": "lines", "image": encoded(plain())}
LIKE = {"model": "looks", "images": [encoded(plain())]}
STYLED = {"task": "style_transfer", "image": encoded(half_mask().convert("RGB")), "style_image": encoded(plain())}
FOLLOWED = Raster(96, 64, plain().tobytes())
FADING = {"annotator": "canny", "weight": 0.5, "start": 0.1, "end": 0.9, "mode": "prompt"}


def task_of(served: Served, body: dict[str, Any]) -> Any:
    """What the worker is given for a body."""
    answer = served.client.post(JOBS, json=body, headers={"Prefer": "wait=30"})
    assert answer.json().get("state") == "succeeded", answer.text
    return served.worker.tasks[-1]


@pytest.mark.parametrize(
    ("body", "kind", "fields"),
    [
        (OVER, ImageToImage, {"width": 96, "height": 64, "strength": 0.6, "fit": "crop"}),
        (OVER | {"strength": 0.3, "fit": "pad", "width": 128}, ImageToImage, {"strength": 0.3, "fit": "pad"}),
        (INSIDE, Inpaint, {"strength": 1.0, "mask_blur": 4, "fill": "original", "width": 96}),
        (INSIDE | {"only_masked": True, "padding": 9}, Inpaint, {"padding": 9, "width": 128}),
        (INSIDE | {"fill": "noise"}, Inpaint, {"fill": "noise"}),
        (BEYOND, Outpaint, {"width": 128, "height": 64, "right": 32, "left": 0, "feather": 8}),
        (STAR | {"first_pass": {"width": 64, "height": 64}}, TextToImage, {"first_pass": FirstPass(64, 64, 8, 0.6)}),
        (STAR | {"seamless": True}, TextToImage, {"seamless": True}),
        (OVER | {"seamless": True}, ImageToImage, {"seamless": True}),
        (STAR | {"variation": {"seed": 9, "strength": 0.2}}, TextToImage, {"variation": Variation(9, 0.2)}),
        (STAR | {"loras": [{"name": "ink", "scale": 0.5}]}, TextToImage, {"loras": (Lora("ink", 0.5),)}),
        (STAR | {"controls": [LINES]}, TextToImage, {"controls": (Control("lines", FOLLOWED, "none"),)}),
        (
            INSIDE | {"controls": [LINES, LINES | FADING]},
            Inpaint,
            {"controls": (Control("lines", FOLLOWED, "none"), Control("lines", FOLLOWED, **FADING))},  # type: ignore[arg-type]
        ),
        (STAR | {"image_prompts": [LIKE]}, TextToImage, {"image_prompts": (ImagePrompt("looks", (FOLLOWED,)),)}),
        (
            OVER | {"image_prompts": [LIKE | {"images": LIKE["images"] * 2, "scale": 0.6, "start": 0.1, "end": 0.9}]},
            ImageToImage,
            {"image_prompts": (ImagePrompt("looks", (FOLLOWED, FOLLOWED), 0.6, 0.1, 0.9),)},
        ),
        (
            STYLED,
            ImageToImage,
            {"prompt": "", "strength": 0.9 * 0.55, "image_prompts": (ImagePrompt("looks", (FOLLOWED,)),), "width": 96},
        ),
        (
            STYLED | {"adapter": "looks", "style_strength": 0.4, "composition_fidelity": 0, "change_strength": 0.8},
            ImageToImage,
            {"strength": 0.8, "image_prompts": (ImagePrompt("looks", (FOLLOWED,), 0.4),)},
        ),
        (
            STYLED | {"image_prompts": [LIKE | {"scale": 0.2}], "prompt": "a star", "fit": "pad"},
            ImageToImage,
            {
                "image_prompts": (ImagePrompt("looks", (FOLLOWED,), 0.2), ImagePrompt("looks", (FOLLOWED,))),
                "prompt": "a star",
                "fit": "pad",
            },
        ),
        (STAR | {"economy": True}, TextToImage, {"guidance_interval": (0.0, 0.7)}),
        (STAR | {"guidance_interval": [0.1, 0.8]}, TextToImage, {"guidance_interval": (0.1, 0.8)}),
        (STAR | {"guidance_rescale": 0.7}, TextToImage, {"guidance_rescale": 0.7}),
        (STAR | {"clip_skip": 1}, TextToImage, {"clip_skip": 1}),
    ],
)  # fmt: skip
def test_a_body_becomes_a_complete_task(
    shared: Served, body: dict[str, Any], kind: type, fields: dict[str, Any]
) -> None:
    task = task_of(shared, body)
    assert type(task) is kind
    assert {name: getattr(task, name) for name in fields} == fields


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("png", encoded(plain())),
        ("data url", "data:image/png;base64," + encoded(plain())),
        ("jpeg", encoded(plain(), "JPEG", quality=100, subsampling=0)),
        ("jpeg in cmyk", encoded(plain().convert("CMYK"), "JPEG", quality=100, subsampling=0)),
        ("webp", encoded(plain(), "WEBP", lossless=True)),
        ("palette", encoded(plain().quantize())),
        ("turned by exif", encoded(plain(64, 96), "JPEG", quality=100, exif=TURNED)),
        ("transparent over white", encoded(plain(mode="RGBA", colour=(220, 40, 40, 255)))),
    ],
    ids=lambda value: value if len(value) < 30 else "",
)  # fmt: skip
def test_pictures_of_every_usual_form_come_in(shared: Served, name: str, text: str) -> None:
    image: Raster = task_of(shared, OVER | {"image": text}).image
    assert (image.width, image.height) == (96, 64)
    assert tuple(image.pixels[:3]) == pytest.approx(RED, abs=6), name


@pytest.mark.parametrize(
    ("image", "mode", "marked"),
    [
        (half_mask(), "plain", (255, 0)),
        (half_mask(), "inverted", (0, 255)),
        (Image.fromarray(np.asarray(half_mask(), np.uint16) * 257), "16 bits", (255, 0)),
        (Image.merge("LA", [Image.new("L", (96, 64), 255), half_mask()]), "transparent is unmarked", (255, 0)),
    ],
    ids=["plain", "inverted", "16 bits", "transparent is unmarked"],
)
def test_a_mask_is_bright_where_it_marks(
    shared: Served, image: Image.Image, mode: str, marked: tuple[int, int]
) -> None:
    body = INSIDE | {"mask": encoded(image), "mask_invert": mode == "inverted"}
    mask: Raster = task_of(shared, body).mask
    assert (mask.pixels[0], mask.pixels[95]) == marked


def bomb() -> str:
    """A PNG whose header claims far more pixels than it may."""
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", len(header)) + b"IHDR" + header + struct.pack(">I", zlib.crc32(b"IHDR" + header))
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + chunk).decode()


WHOLE = base64.b64decode(encoded(Image.effect_noise((96, 64), 50).convert("RGB")))
HOSTILE = {
    "empty": "",
    "no base64": "!!!",
    "a data url of text": "data:text/plain,hello",
    "words": base64.b64encode(b"a red star").decode(),
    "a gif": encoded(plain(), "GIF"),
    "an svg": base64.b64encode(b"<svg xmlns='http://www.w3.org/2000/svg'/>").decode(),
    "cut off": base64.b64encode(WHOLE[: len(WHOLE) // 2]).decode(),
    "a bomb": bomb(),
    "too small": encoded(plain(7, 64)),
    "too long": encoded(plain(8200, 8)),
}


@pytest.mark.parametrize("field", ["image", "mask"])
@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_picture_is_refused_by_field(shared: Served, name: str, field: str) -> None:
    answer = shared.client.post(JOBS, json=INSIDE | {field: HOSTILE[name]})
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["field"] == field
    assert len(HOSTILE[name]) < 20 or HOSTILE[name] not in answer.text


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (OVER | {"strength": 1.5}, "strength"),
        (OVER | {"strength": 0.01}, "strength"),
        (OVER | {"strength": "much"}, "strength"),
        (OVER | {"fit": "squeeze"}, "fit"),
        ({key: value for key, value in OVER.items() if key != "image"}, "image"),
        (OVER | {"image": 7}, "image"),
        (INSIDE | {"mask": encoded(half_mask(48, 32))}, "mask"),
        (INSIDE | {"mask": encoded(Image.new("L", (96, 64)))}, "mask"),
        (INSIDE | {"mask_blur": -1}, "mask_blur"),
        (INSIDE | {"fill": "gold"}, "fill"),
        (INSIDE | {"padding": 10**9}, "padding"),
        (BEYOND | {"right": 0}, "left"),
        (BEYOND | {"right": -8}, "right"),
        (BEYOND | {"feather": 900}, "feather"),
        (STAR | {"first_pass": {"width": 64}}, "first_pass.height"),
        (STAR | {"first_pass": {"width": 64, "height": 64, "strength": 0.0}}, "strength"),
        (STAR | {"variation": {"seed": -1, "strength": 0.5}}, "variation.seed"),
        (STAR | {"loras": [{"name": "x"}] * 9}, "loras"),
        (STAR | {"loras": "ink"}, "loras"),
        (STAR | {"controls": [LINES] * 5}, "controls"),
        (STAR | {"controls": [LINES | {"image": "words"}]}, "controls"),
        (STAR | {"controls": [LINES | {"annotator": "magic"}]}, "controls"),
        (STAR | {"controls": [LINES | {"annotator": "depth"}]}, "controls"),
        (STAR | {"controls": [LINES | {"mode": "both"}]}, "controls"),
        (STAR | {"controls": [LINES | {"weight": 3}]}, "controls"),
        (STAR | {"controls": [LINES | {"start": 0.9, "end": 0.1}]}, "controls"),
        (STAR | {"controls": [LINES | {"model": "ink"}]}, "controls"),
        (STAR | {"image_prompts": [LIKE] * 5}, "image_prompts"),
        (STAR | {"image_prompts": [LIKE | {"images": []}]}, "image_prompts"),
        (STAR | {"image_prompts": [LIKE | {"images": LIKE["images"] * 6}]}, "image_prompts"),
        (STAR | {"image_prompts": [LIKE | {"images": ["words"]}]}, "image_prompts"),
        (STAR | {"image_prompts": [LIKE | {"scale": 3}]}, "image_prompts"),
        (STAR | {"image_prompts": [LIKE | {"start": 0.9, "end": 0.1}]}, "image_prompts"),
        (STAR | {"image_prompts": [LIKE | {"model": "ink"}]}, "image_prompts"),
        (STYLED | {"change_strength": 0.1}, "change_strength"),
        (STYLED | {"style_strength": 1.1}, "style_strength"),
        (STYLED | {"adapter": "ink"}, "adapter"),
        (STYLED | {"style_image": "words"}, "style_image"),
        (STAR | {"guidance_interval": [0.9, 0.1]}, "guidance_interval"),
        (STAR | {"guidance_rescale": 2}, "guidance_rescale"),
        (STAR | {"clip_skip": 99}, "clip_skip"),
        (STAR | {"priority": 10}, "priority"),
        (STAR | {"timeout_seconds": 0}, "timeout_seconds"),
        (STAR | {"on_disconnect": "panic"}, "on_disconnect"),
    ],
)
def test_a_bad_field_is_told_by_name(shared: Served, body: dict[str, Any], field: str) -> None:
    answer = shared.client.post(JOBS, json=body)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["field"] == field


def test_terms_reach_the_worker(serve: Serve) -> None:
    served = serve()
    job = served.client.post(JOBS, json=STAR | {"priority": 3, "timeout_seconds": 60, "previews": True}).json()
    until(lambda: bool(served.worker.terms))
    (terms,) = served.worker.terms
    assert (terms.priority, terms.previews) == (3, True)
    assert terms.deadline == job["deadline"] == pytest.approx(job["created_at"] + 60, abs=1)
    assert terms.account


def test_a_preview_can_be_looked_at_while_the_job_runs(serve: Serve) -> None:
    served = serve()
    served.worker.hold()
    location = served.client.post(JOBS, json=STAR | {"previews": True}).headers["location"]
    served.worker.await_running()
    assert served.client.get(f"{location}/preview").status_code == 404
    served.worker.tell(Previewed(location.rsplit("/", 1)[-1], Raster(2, 1, bytes([0, 0, 255, 0, 0, 255]))))
    until(lambda: served.client.get(location).json()["preview"] is not None)
    picture = Image.open(io.BytesIO(served.client.get(served.client.get(location).json()["preview"]).content))
    assert (picture.size, picture.getpixel((5, 5))) == ((256, 128), (0, 0, 255))
    served.worker.let_go()
    until(lambda: served.client.get(location).json()["state"] == "succeeded")
    assert served.client.get(location).json()["preview"] is None


def test_a_detached_job_goes_on_when_its_client_leaves(serve: Serve) -> None:
    served = serve()
    served.worker.hold()
    with leaving(served, JOBS, STAR | {"on_disconnect": "detach"}, Accept="image/png"):
        served.worker.await_running()
    served.worker.let_go()
    served.worker.await_idle()
    assert served.worker.steps_drawn == 8


def test_a_detached_job_goes_on_when_its_client_has_waited_too_long(serve: Serve) -> None:
    worker = StepWorker()
    served = serve(worker, request_seconds=0.1)
    served.worker.hold()
    answer = served.client.post(JOBS, json=STAR | {"on_disconnect": "detach"}, headers={"Accept": "image/png"})
    assert answer.status_code == 504
    served.worker.await_running()  # which it may not be yet where the machine has much to do
    served.worker.let_go()
    served.worker.await_idle()
    assert served.worker.steps_drawn == 8
