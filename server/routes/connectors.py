"""Our own API for connectors: places to which the pictures of an account are copied."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from server.bodies.connectors import checked, openapi
from server.http.auth import TheAccount
from server.http.body import read_json
from server.http.parts import TheParts
from server.routes.webhooks import MOST_LISTED, described_delivery, described_outcome
from server.store.connectors import Connector

router = APIRouter(prefix="/darkroom/v1", tags=["connectors"])


def described_connector(connector: Connector) -> dict[str, Any]:
    """Without its secrets, which nobody sees again."""
    return {
        "id": connector.id,
        "service": connector.service,
        "settings": dict(connector.settings),
        "folder": connector.folder,
        "file_naming": connector.naming,
        "auto_upload": connector.auto_upload,
        "created_at": connector.created,
    }


@router.post("/connectors", status_code=201, openapi_extra=openapi())
async def make(request: Request, parts: TheParts, account: TheAccount) -> dict[str, Any]:
    """Have pictures copied to a place: those of all your jobs with `auto_upload`, or of jobs that name it."""
    asked = checked(await read_json(request))
    connector = await parts.connectors.make(
        account,
        asked.service,
        asked.fields(),
        folder=asked.folder,
        naming=asked.file_naming,
        auto_upload=asked.auto_upload,
    )
    return described_connector(connector)


@router.get("/connectors")
async def listed(parts: TheParts, account: TheAccount) -> dict[str, Any]:
    """Your connectors, the oldest first."""
    return {"connectors": [described_connector(connector) for connector in await parts.connectors.page(account)]}


@router.get("/connectors/{connector_id}")
async def show(connector_id: str, parts: TheParts, account: TheAccount) -> dict[str, Any]:
    """A connector."""
    return described_connector(await parts.connectors.find(account, connector_id))


@router.delete("/connectors/{connector_id}", status_code=204)
async def remove(connector_id: str, parts: TheParts, account: TheAccount) -> None:
    """Copy nothing there any more. What is there stays."""
    await parts.connectors.remove(account, connector_id)


@router.post("/connectors/{connector_id}/test")
async def test(connector_id: str, parts: TheParts, account: TheAccount) -> dict[str, Any]:
    """Write `darkroom-test.txt` there right now, and say how that went."""
    return described_outcome(await parts.connectors.test(account, connector_id))


@router.get("/connectors/{connector_id}/deliveries")
async def deliveries(
    connector_id: str, parts: TheParts, account: TheAccount, limit: Annotated[int, Query(ge=1, le=MOST_LISTED)] = 20
) -> dict[str, Any]:
    """What was copied there in the last seven days, the newest first, with every attempt."""
    return {
        "deliveries": [described_delivery(each) for each in await parts.connectors.log(account, connector_id, limit)]
    }
