"""What a request is to cost and where it counts, whichever API it came by."""

from typing import Any

from fastapi import Request

from pipelines.catalog import Resolution
from pipelines.tasks import Task
from server.credits.prices import price_of
from server.http.parts import Parts
from server.limits.limits import Asker
from server.store.accepting import Toll


async def toll_of(request: Request, parts: Parts, task: Task, resolution: Resolution | None) -> Toll:
    """What the task costs whoever asks, as `price_of` has it.

    Nothing is to be counted any more where `request.state.is_counted` says so.
    """
    is_counted = parts.limits.every_request or getattr(request.state, "is_counted", False)
    windows = () if is_counted else await parts.limits.windows(asker_of(request.scope["state"]))
    return Toll(price_of(parts.catalog, task, resolution), windows)


async def count_at_the_door(request: Request, parts: Parts) -> None:
    """Where the operator wants every request to count. Raises RateLimited."""
    if parts.limits.every_request:
        await parts.limits.count(asker_of(request.scope["state"]))


def asker_of(state: dict[str, Any]) -> Asker:
    """Of a request whose account is known. state: what the layers before noted about the request."""
    return Asker(state["account"], state["caller"].key, state.get("dialect"))
