"""`interrogate`: a sentence that says what a picture shows."""

from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import Field

from pipelines.engine.protocol import Terms
from pipelines.errors import ModelNotInstalled
from pipelines.planning import describe, first_installed
from pipelines.tasks import Description
from server import decode
from server.dialects.a1111.pictures import API, Picture
from server.errors import NotOffered
from server.http.auth import TheAccount
from server.http.body import Body, check, described, read_json
from server.http.parts import TheParts
from server.http.waiting import facts
from server.jobs import Origin


class Interrogation(Body):
    """The body of POST /sdapi/v1/interrogate."""

    image: Picture
    model: Annotated[str, Field(max_length=128)] = "clip"


router = APIRouter()
EXAMPLE = {"image": "data:image/png;base64,iVBORw0KGgo...", "model": "clip"}


@router.post("/sdapi/v1/interrogate", openapi_extra=described(Interrogation, EXAMPLE))
async def interrogate(request: Request, parts: TheParts, account: TheAccount) -> dict[str, Any]:
    """Describe a picture, by the captioner that is installed; the tags of deepdanbooru are not to be had."""
    asked = check(Interrogation, await read_json(request))
    picture = await decode.picture_with_alpha(asked.image, "image")
    if asked.model != "clip":
        raise NotOffered("Only the model clip is here, which stands for the captioner.", field="model")
    if first_installed(parts.catalog, "captioner") is None:
        known = [model.id for model in parts.catalog.models if model.kind == "captioner"]
        remedy = f": run `darkroom pull {known[0]}` on the server" if known else ""
        raise ModelNotInstalled(f"No model that describes pictures is installed{remedy}.", field="model")
    task = describe(parts.catalog, image=picture)
    said = await facts(request, parts, task, Terms(account), origin=Origin(API))
    assert isinstance(said, Description)
    return {"caption": said.caption}
