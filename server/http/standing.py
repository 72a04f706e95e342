"""Every answer to somebody whom we know says where they stand, in the words of the API that they speak."""

from collections.abc import Callable, Mapping
from contextlib import suppress

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipelines.errors import DarkroomError
from server.http.counting import asker_of
from server.http.prefixes import by_prefix
from server.limits.limits import Limits
from server.limits.standing import Standing

Spelling = Callable[[Standing], dict[str, str]]


def our_spelling(standing: Standing) -> dict[str, str]:
    """Of the window that is full first; X-RateLimit-Reset is the seconds until it begins anew."""
    window = standing.tightest
    return {
        "X-RateLimit-Limit": str(window.limit),
        "X-RateLimit-Remaining": str(window.remaining),
        "X-RateLimit-Reset": str(standing.seconds_to(window)),
    }


class StandingHeaders:
    """dialects: an address prefix such as /v1 -> the dialect's name, and how it spells the figures (None: as we do)."""

    def __init__(self, app: ASGIApp, limits: Limits, dialects: Mapping[str, tuple[str, Spelling | None]]) -> None:
        self._app = app
        self._limits = limits
        self._dialects = dialects

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        name, spelling = by_prefix(scope, self._dialects) or (None, None)
        state = scope["state"]
        state["dialect"] = name

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start" and "account" in state:
                # An answer is worth more than these figures: where the database is lost, it goes without them.
                with suppress(DarkroomError):
                    state["standing"] = await self._limits.standing(asker_of(state))
                    MutableHeaders(scope=message).update((spelling or our_spelling)(state["standing"]))
            await send(message)

        await self._app(scope, receive, told)
