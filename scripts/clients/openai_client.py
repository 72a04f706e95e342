"""`openai` for Python: every images method, streams, and the classes that its errors have."""

from typing import Any

import openai
from checking import ALIKE, OTHER, PROMPT, STAR, Absent, Desk, fails, run
from openai import OpenAI

MODEL = "shapes-xl"
SAID: dict[str, Any] = {"model": MODEL, "size": "128x128", "response_format": "b64_json"}
DRAWN = SAID | {"extra_body": {"seed": 7, "steps": 20, "guidance_scale": ALIKE["guidance"], "sampler": "euler"}}
RED = {"colour": "red"}


def client_of(desk: Desk, **said: Any) -> OpenAI:
    return OpenAI(base_url=f"{desk.address}/v1", **{"api_key": desk.key} | said)


def check_models_list_and_retrieve(desk: Desk) -> None:
    client = client_of(desk)
    assert MODEL in [model.id for model in client.models.list()]
    assert client.models.retrieve(MODEL).object == "model"


def check_generate(desk: Desk) -> None:
    result = client_of(desk).images.generate(prompt=PROMPT, **DRAWN)
    desk.got(result.data[0].b64_json, shows=STAR, alike=True)


def check_generate_with_a_prompt_alone(desk: Desk) -> None:
    assert client_of(desk).images.generate(prompt=PROMPT).data[0]


def check_generate_as_an_address(desk: Desk) -> None:
    import urllib.request

    result = client_of(desk).images.generate(prompt=PROMPT, **DRAWN | {"response_format": "url"})
    with urllib.request.urlopen(result.data[0].url) as opened:
        desk.got(opened.read(), shows=STAR)


def check_generate_several(desk: Desk) -> None:
    result = client_of(desk).images.generate(prompt=PROMPT, n=2, **DRAWN)
    assert len(result.data) == 2
    for entry in result.data:
        desk.got(entry.b64_json, shows={"background": "black"})


def check_generate_as_webp(desk: Desk) -> None:
    result = client_of(desk).images.generate(prompt=PROMPT, output_format="webp", output_compression=80, **DRAWN)
    assert desk.got(result.data[0].b64_json, shows=STAR).format == "WEBP"


def check_generate_on_a_transparent_background(desk: Desk) -> None:
    result = client_of(desk).images.generate(prompt=PROMPT, background="transparent", **DRAWN)
    assert desk.got(result.data[0].b64_json).convert("RGBA").getpixel((1, 1))[3] == 0


def check_generate_in_a_stream(desk: Desk) -> None:
    events = list(client_of(desk).images.generate(prompt=PROMPT, stream=True, partial_images=2, **DRAWN))
    assert events[-1].type == "image_generation.completed"
    assert {event.type for event in events[:-1]} <= {"image_generation.partial_image"}
    desk.got(events[-1].b64_json, shows=STAR)


def check_edit(desk: Desk) -> None:
    with desk.path("scene").open("rb") as image:
        result = client_of(desk).images.edit(image=image, prompt=OTHER, **SAID | {"extra_body": {"strength": 0.9}})
    desk.got(result.data[0].b64_json, shows=RED)


def check_edit_repaints_what_is_transparent_in_the_mask(desk: Desk) -> None:
    scene = desk.open("scene").convert("RGB")
    with desk.path("scene").open("rb") as image, desk.path("clear").open("rb") as mask:
        result = client_of(desk).images.edit(image=image, mask=mask, prompt=OTHER, **SAID)
    picture = desk.got(result.data[0].b64_json, shows=RED).convert("RGB")
    assert picture.getpixel((1, 1)) == scene.getpixel((1, 1)), "what is opaque in the mask has changed"


def check_edit_with_several_images(desk: Desk) -> None:
    client = client_of(desk, max_retries=0)
    with desk.path("scene").open("rb") as one, desk.path("scene").open("rb") as other:
        try:
            result = client.images.edit(image=[one, other], prompt=OTHER, **SAID)
        except openai.InternalServerError as error:
            if error.status_code == 503 and "IP-Adapter" in str(error):
                raise Absent("no IP-Adapter is installed, and the answer is a 503 that says so") from None
            raise
    desk.got(result.data[0].b64_json)


def check_edit_in_a_stream(desk: Desk) -> None:
    with desk.path("scene").open("rb") as image:
        events = list(client_of(desk).images.edit(image=image, prompt=OTHER, stream=True, partial_images=1, **SAID))
    assert events[-1].type == "image_edit.completed"
    desk.got(events[-1].b64_json)


def check_create_variation(desk: Desk) -> None:
    with desk.path("scene").open("rb") as image:
        result = client_of(desk).images.create_variation(image=image, **SAID)
    desk.got(result.data[0].b64_json)


def check_an_unknown_model_is_a_NotFoundError(desk: Desk) -> None:
    client = client_of(desk)
    fails(openai.NotFoundError, lambda: client.images.generate(prompt=PROMPT, **SAID | {"model": "nothing"}))


def check_a_wrong_size_is_a_BadRequestError(desk: Desk) -> None:
    client = client_of(desk)
    raised = fails(openai.BadRequestError, lambda: client.images.generate(prompt=PROMPT, **SAID | {"size": "big"}))
    assert isinstance(raised, openai.BadRequestError)
    assert raised.param == "size"


def check_a_wrong_key_is_an_AuthenticationError(desk: Desk) -> None:
    client = client_of(desk, api_key="wrong")
    fails(openai.AuthenticationError, lambda: client.images.generate(prompt=PROMPT, **SAID))


run(globals())
