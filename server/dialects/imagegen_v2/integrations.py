"""Integrations: places to which the pictures of an account are copied."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse

from server.bodies import connectors
from server.bodies.connectors import ConnectorBody, FolderPath, Pattern, checked
from server.connectors.naming import DEFAULT
from server.dialects.imagegen_v2.spelled import PREFIX, spelled
from server.http.auth import TheAccount
from server.http.body import Body, check, ignored_fields, read_json
from server.http.parts import TheParts
from server.spelling import moment
from server.store.connectors import Connector

EXAMPLE = {"service": "dropbox", "auth_code": "auth_code_from_oauth", "settings": {"auto_upload": True}}
SETTLED = {"settings", "folder", "file_naming", "auto_upload"}  # those of our own API are in `settings` here


class Settings(Body):
    """auto_upload: all your pictures are copied. folder_path: below the place's start."""

    auto_upload: bool = True
    folder_path: FolderPath = ""
    file_naming: Pattern = DEFAULT


def openapi() -> dict[str, Any]:
    """Each service with its own fields, told apart by `service`, and the settings of all."""
    told: dict[str, Any] = connectors.openapi()["requestBody"]["content"]["application/json"]["schema"]
    settings = {"settings": Settings.model_json_schema()}
    for variant in told["oneOf"]:
        its_own = {name: field for name, field in variant["properties"].items() if name not in SETTLED}
        variant["properties"] = its_own | settings
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": told, "example": EXAMPLE}}}}


class Connection(Body):
    """service: dropbox, with an `auth_code`; the others that this server has, with fields of their own beside it."""

    service: str
    settings: Settings = Settings()


router = APIRouter(prefix=PREFIX)


@router.post("/integrations/connect", status_code=201, openapi_extra=openapi())
async def connect(request: Request, parts: TheParts, account: TheAccount) -> JSONResponse:
    """Have your pictures copied to a place. GET and DELETE /darkroom/v1/connectors list them and take them away."""
    value = await read_json(request)
    settings = check(Connection, value).settings
    place = checked({name: item for name, item in value.items() if name not in SETTLED})
    made = await parts.connectors.make(
        account,
        place.service,
        place.fields(),
        folder=settings.folder_path,
        naming=settings.file_naming,
        auto_upload=settings.auto_upload,
    )
    its_own = type(place).model_fields.keys() - ConnectorBody.model_fields.keys()
    beside = {name: item for name, item in value.items() if name not in its_own}
    return JSONResponse({"integration": _said(made)}, 201, ignored_fields(Connection, beside))


def _said(connector: Connector) -> dict[str, Any]:
    """Without its secrets, which nobody sees again."""
    return {
        "id": spelled(connector.id),
        "service": connector.service,
        "status": "connected",
        "settings": {
            "auto_upload": connector.auto_upload,
            "folder_path": f"/{connector.folder}",
            "file_naming": connector.naming,
        },
        "created_at": moment(connector.created),
    }
