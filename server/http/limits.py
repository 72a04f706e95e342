"""Bodies are counted while they arrive: what a client claims in Content-Length is only the first thing looked at."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.errors import BodyTooLarge


class BodyLimit:
    """Raises BodyTooLarge into the route that reads too much; a body that no route reads costs nothing."""

    def __init__(self, app: ASGIApp, most_bytes: int) -> None:
        self._app = app
        self._most = most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        claimed = _content_length(scope)
        received = 0

        async def counted() -> Message:
            nonlocal received
            if claimed > self._most:
                raise BodyTooLarge(self._most)
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._most:
                raise BodyTooLarge(self._most)
            return message

        await self._app(scope, counted, send)


def _content_length(scope: Scope) -> int:
    """0 where it is absent or no number: counting finds out."""
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value[:20])
    return 0
