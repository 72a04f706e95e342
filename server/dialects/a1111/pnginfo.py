"""`png-info`: what a picture's file says of how it was made."""

from typing import Any

from fastapi import APIRouter, Request

from server import decode
from server.dialects.a1111.pictures import Picture
from server.http.auth import TheAccount
from server.http.body import Body, check, described, read_json

router = APIRouter()
EXAMPLE = {"image": "data:image/png;base64,..."}


class PngInfo(Body):
    """The body of POST /sdapi/v1/png-info."""

    image: Picture


@router.post("/sdapi/v1/png-info", openapi_extra=described(PngInfo, EXAMPLE))
async def png_info(request: Request, account: TheAccount) -> dict[str, Any]:
    """The text that the web UI, or this server, left in a picture; empty where there is none.

    `items` has that text by its name, `parameters` what it says, by the web UI's names.
    """
    asked = check(PngInfo, await read_json(request))
    _, embedded = await decode.picture_with_words(asked.image, "image")
    if embedded is None:
        return {"info": "", "items": {}, "parameters": {}}
    settings = {setting.name: setting.value for setting in embedded.settings}
    words = {"Prompt": embedded.prompt, "Negative prompt": embedded.negative_prompt}
    return {"info": embedded.text, "items": {"parameters": embedded.text}, "parameters": words | settings}
