"""`litellm`, the proxy that many run on their premises: image_generation and image_edit."""

from typing import Any
from urllib.request import urlopen

import litellm
from checking import OTHER, PROMPT, STAR, Desk, fails, run


def said(desk: Desk, **more: Any) -> dict[str, Any]:
    server = {"model": "openai/shapes-xl", "api_base": f"{desk.address}/v1", "api_key": desk.key}
    return server | {"size": "128x128"} | more


def check_image_generation(desk: Desk) -> None:
    result = litellm.image_generation(prompt=PROMPT, **said(desk, n=2))
    assert len(result.data) == 2
    for entry in result.data:  # it passes no response_format on for a model that it does not know
        desk.got(entry.b64_json or urlopen(entry.url).read(), shows={"background": STAR["background"]})


def check_image_edit(desk: Desk) -> None:
    with desk.path("scene").open("rb") as image:
        result = litellm.image_edit(image=image, prompt=OTHER, **said(desk, response_format="b64_json"))
    desk.got(result.data[0].b64_json)


def check_a_wrong_key_is_an_AuthenticationError(desk: Desk) -> None:
    fails(
        litellm.AuthenticationError,
        lambda: litellm.image_generation(prompt=PROMPT, **said(desk, api_key="wrong", max_retries=0)),
    )


run(globals())
