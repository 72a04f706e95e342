"""Our own API for webhooks: who is told how the jobs of an account end, and how well that went."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from server.bodies.webhooks import LastingWebhookBody
from server.http.auth import TheAccount
from server.http.body import check, described, read_json
from server.http.parts import TheParts
from server.outbox import Outcome
from server.store.outbox import Logged
from server.store.webhooks import Webhook
from server.webhooks.signing import new_secret

MOST_LISTED = 100

router = APIRouter(prefix="/darkroom/v1", tags=["webhooks"])


def described_webhook(webhook: Webhook) -> dict[str, Any]:
    return {
        "id": webhook.id,
        "url": webhook.url,
        "events": list(webhook.events),
        "retry_seconds": None if webhook.pauses is None else list(webhook.pauses),
        "disabled": webhook.disabled,
        "created_at": webhook.created,
        "called_at": webhook.called,
    }


def described_delivery(message: Logged) -> dict[str, Any]:
    attempts = [{"at": each.at, "status": each.status, "message": each.sentence} for each in message.attempts]
    return {
        "id": message.id,
        "event": message.event,
        "job": message.job_id,
        "state": message.state,
        "created_at": message.created,
        "next_try_at": message.next_try,
        "attempts": attempts,
    }


def described_outcome(outcome: Outcome) -> dict[str, Any]:
    return {"delivered": outcome.result == "delivered", "status": outcome.status, "message": outcome.sentence}


@router.post(
    "/webhooks", status_code=201, openapi_extra=described(LastingWebhookBody, {"url": "https://example.org/hook"})
)
async def make(request: Request, parts: TheParts, account: TheAccount) -> dict[str, Any]:
    """Tell an address how your jobs end. `secret` is shown this once; without one in the request, one is made."""
    asked = check(LastingWebhookBody, await read_json(request))
    secret = asked.secret or new_secret()
    webhook = parts.webhooks.made(account, asked.url, asked.events, secret, pauses=asked.retry_seconds)
    await parts.webhooks.keep(webhook)
    return described_webhook(webhook) | {"secret": secret}


@router.get("/webhooks")
async def listed(parts: TheParts, account: TheAccount) -> dict[str, Any]:
    """Your webhooks, the oldest first. `disabled` says why nothing is sent to one."""
    return {"webhooks": [described_webhook(webhook) for webhook in await parts.webhooks.page(account)]}


@router.get("/webhooks/secret")
async def secret(parts: TheParts, account: TheAccount) -> dict[str, str]:
    """What signs the messages of jobs whose `webhook` came without a secret."""
    return {"secret": parts.webhooks.secret_of(account)}


@router.get("/webhooks/{webhook_id}")
async def show(webhook_id: str, parts: TheParts, account: TheAccount) -> dict[str, Any]:
    """A webhook as it is now."""
    return described_webhook(await parts.webhooks.find(account, webhook_id))


@router.delete("/webhooks/{webhook_id}", status_code=204)
async def remove(webhook_id: str, parts: TheParts, account: TheAccount) -> None:
    """Send nothing there any more, what is on its way neither."""
    await parts.webhooks.remove(account, webhook_id)


@router.post("/webhooks/{webhook_id}/enable")
async def enable(webhook_id: str, parts: TheParts, account: TheAccount) -> dict[str, Any]:
    """Send there again, after its receiver answered 410."""
    return described_webhook(await parts.webhooks.enable(account, webhook_id))


@router.post("/webhooks/{webhook_id}/test")
async def test(webhook_id: str, parts: TheParts, account: TheAccount) -> dict[str, Any]:
    """Send one message of the type `webhook.test` right now, and say how that went."""
    return described_outcome(await parts.webhooks.test(account, webhook_id))


@router.get("/webhooks/{webhook_id}/deliveries")
async def deliveries(
    webhook_id: str, parts: TheParts, account: TheAccount, limit: Annotated[int, Query(ge=1, le=MOST_LISTED)] = 20
) -> dict[str, Any]:
    """What was sent there in the last seven days, the newest first, with every attempt."""
    return {"deliveries": [described_delivery(each) for each in await parts.webhooks.log(account, webhook_id, limit)]}


@router.post("/deliveries/{message_id}/redeliver", status_code=202)
async def redeliver(message_id: str, parts: TheParts, account: TheAccount) -> dict[str, str]:
    """Send a message, or copy the pictures of a job, once more; a message keeps its id."""
    await parts.outbox.again(account, message_id)
    return {"id": message_id}
