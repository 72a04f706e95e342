"""`litellm`, the proxy that many run on their premises: image_generation and image_edit."""

from typing import Any
from urllib.request import urlopen

import litellm
from checking import ALIKE, OTHER, PROMPT, RED, STAR, Desk, fails, run


def said(desk: Desk, **more: Any) -> dict[str, Any]:
    server = {"model": "openai/shapes-xl", "api_base": f"{desk.address}/v1", "api_key": desk.key}
    return server | {"size": "128x128"} | more


def _file(entry: Any) -> bytes | str:
    """It passes no response_format on for a model that it does not know."""
    return entry.b64_json or bytes(urlopen(entry.url).read())


def check_image_generation(desk: Desk) -> None:
    drawn = {"seed": 7, "num_inference_steps": 20, "guidance_scale": ALIKE["guidance"], "sampler": "euler"}
    result = litellm.image_generation(prompt=PROMPT, **said(desk, extra_body=drawn))
    desk.got(_file(result.data[0]), shows=STAR, alike=True)


def check_image_generation_of_several(desk: Desk) -> None:
    result = litellm.image_generation(prompt=PROMPT, **said(desk, n=2))
    assert len(result.data) == 2
    for entry in result.data:
        desk.got(_file(entry), shows={"background": STAR["background"]})


def check_image_edit(desk: Desk) -> None:
    with desk.path("scene").open("rb") as image:
        drawn = {"response_format": "b64_json", "extra_body": {"seed": 7, "strength": 0.9}}
        result = litellm.image_edit(image=image, prompt=OTHER, **said(desk, **drawn))
    desk.got(result.data[0].b64_json, shows=RED)


def check_image_edit_under_a_mask(desk: Desk) -> None:
    with desk.path("scene").open("rb") as image, desk.path("clear").open("rb") as mask:
        drawn = {"response_format": "b64_json", "extra_body": {"seed": 7}}
        result = litellm.image_edit(image=image, mask=mask, prompt=OTHER, **said(desk, **drawn))
    desk.got(result.data[0].b64_json, shows=RED, masked=True)


def check_a_wrong_key_is_an_AuthenticationError(desk: Desk) -> None:
    fails(
        litellm.AuthenticationError,
        lambda: litellm.image_generation(prompt=PROMPT, **said(desk, api_key="wrong", max_retries=0)),
    )


run(globals())
