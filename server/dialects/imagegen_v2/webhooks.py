"""Webhooks: who is told how the jobs of an account end, in the words of this API (`events.py`)."""

from collections import Counter
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from pydantic import AfterValidator, Field
from starlette.responses import JSONResponse

from server.bodies.webhooks import LONGEST_PAUSE_SECONDS, MOST_PAUSES, Address
from server.dialects.imagegen_v2.events import EVENTS
from server.dialects.imagegen_v2.spelled import API, PREFIX
from server.errors import WebhookUnknown
from server.http.auth import TheAccount
from server.http.body import Body, check, described, ignored_fields, read_json
from server.http.parts import Parts, TheParts
from server.spelling import moment
from server.store.webhooks import Webhook
from server.webhooks import signing

LONGEST_SECRET = 255


def _secret(text: str) -> str:
    """Plain words are a key as they are; what begins as Standard Webhooks' do must be one of those."""
    return signing.checked(text) if text.startswith(signing.PREFIX) else text


Event = Literal[EVENTS]  # type: ignore[valid-type]  # a tuple of names spells the same Literal
Events = Annotated[
    list[Event], Field(min_length=1, max_length=len(EVENTS)), AfterValidator(lambda names: [*Counter(names)])
]
Secret = Annotated[str, Field(min_length=1, max_length=LONGEST_SECRET), AfterValidator(_secret)]


class RetryPolicy(Body):
    """How often something is sent again that did not arrive, and after how long each time."""

    max_retries: Annotated[int, Field(ge=0, le=MOST_PAUSES)] = 3
    retry_delay_seconds: Annotated[float, Field(ge=1, le=LONGEST_PAUSE_SECONDS)] = 60

    def pauses(self) -> list[float]:
        return [self.retry_delay_seconds] * self.max_retries


class Changed(Body):
    """What is left out stays. secret: without one the account's own signs."""

    url: Address | None = None
    events: Events | None = None
    secret: Secret | None = None
    active: bool | None = None
    retry_policy: RetryPolicy | None = None

    def pauses(self) -> list[float] | None:
        return None if self.retry_policy is None else self.retry_policy.pauses()


class New(Changed):
    """Without `events` it is told all of them, without `retry_policy` as often as others are."""

    url: Address


EXAMPLE = {"url": "https://example.org/hook", "events": ["generation.completed"]}
router = APIRouter(prefix=PREFIX)


@router.post("/webhooks", status_code=201, openapi_extra=described(New, EXAMPLE))
async def make(request: Request, parts: TheParts, account: TheAccount) -> JSONResponse:
    """Tell an address how your jobs end."""
    value = await read_json(request)
    asked = check(New, value)
    webhook = parts.webhooks.made(
        account,
        asked.url,
        asked.events or EVENTS,
        asked.secret,
        form=API,
        pauses=asked.pauses(),
        active=asked.active is not False,
    )
    await parts.webhooks.keep(webhook)
    return JSONResponse({"webhook": _said(webhook)}, 201, ignored_fields(New, value))


@router.get("/webhooks")
async def listed(parts: TheParts, account: TheAccount) -> dict[str, Any]:
    """Those that came by this API, the oldest first."""
    return {"webhooks": [_said(webhook) for webhook in await parts.webhooks.page(account) if webhook.form == API]}


@router.get("/webhooks/{hook_id}")
async def show(hook_id: str, parts: TheParts, account: TheAccount) -> dict[str, Any]:
    """A webhook as it is now."""
    return {"webhook": _said(await _found(parts, account, hook_id))}


@router.put("/webhooks/{hook_id}", openapi_extra=described(Changed, {"active": False}))
@router.patch("/webhooks/{hook_id}", openapi_extra=described(Changed, {"active": False}))
async def change(hook_id: str, request: Request, parts: TheParts, account: TheAccount) -> JSONResponse:
    """Change what the body says; the rest stays."""
    value = await read_json(request)
    asked, found = check(Changed, value), await _found(parts, account, hook_id)
    changed = await parts.webhooks.change(
        account,
        found.id,
        url=asked.url,
        events=asked.events,
        secret=asked.secret,
        pauses=asked.pauses(),
        active=asked.active,
    )
    return JSONResponse({"webhook": _said(changed)}, headers=ignored_fields(Changed, value))


@router.delete("/webhooks/{hook_id}", status_code=204)
async def remove(hook_id: str, parts: TheParts, account: TheAccount) -> None:
    """Send nothing there any more, what is on its way neither."""
    await parts.webhooks.remove(account, (await _found(parts, account, hook_id)).id)


@router.post("/webhooks/{hook_id}/test")
async def test(hook_id: str, parts: TheParts, account: TheAccount) -> dict[str, Any]:
    """Send one message of the event `webhook.test` right now, and say how that went."""
    outcome = await parts.webhooks.test(account, (await _found(parts, account, hook_id)).id)
    return {"delivered": outcome.result == "delivered", "status_code": outcome.status, "message": outcome.sentence}


async def _found(parts: Parts, account: str, hook_id: str) -> Webhook:
    """Raises WebhookUnknown, for what came by another API too."""
    webhook = await parts.webhooks.find(account, hook_id)
    if webhook.form != API:
        raise WebhookUnknown
    return webhook


def _said(webhook: Webhook) -> dict[str, Any]:
    """Without its secret, which nobody sees again."""
    return {
        "id": webhook.id,
        "url": webhook.url,
        "events": list(webhook.events),
        "active": webhook.disabled is None,
        "retry_policy": _policy(webhook),
        "created_at": moment(webhook.created),
        "last_triggered_at": None if webhook.called is None else moment(webhook.called),
    }


def _policy(webhook: Webhook) -> dict[str, Any] | None:
    """null: as the operator has it."""
    if webhook.pauses is None:
        return None
    return {"max_retries": len(webhook.pauses), "retry_delay_seconds": max(webhook.pauses, default=0)}
