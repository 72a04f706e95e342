"""The outermost layer of a request: its id, its log line, its figures, its safe headers, and no error unanswered."""

import re
import secrets
import time

import structlog
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.errors import InternalError
from server.http.problems import Problems
from server.metrics import Metrics

HOST = re.compile(r"[A-Za-z0-9.\-]{1,255}(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:[0-9]{1,5})?")

log = structlog.get_logger()


class Frame:
    """Pure ASGI, so that bodies and answers pass through unbuffered."""

    def __init__(self, app: ASGIApp, problems: Problems, metrics: Metrics) -> None:
        self._app = app
        self._problems = problems
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = f"req_{secrets.token_hex(12)}"
        scope.setdefault("state", {})["request_id"] = request_id
        started, status = time.perf_counter(), 0

        async def framed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["x-request-id"] = request_id
                headers["x-content-type-options"] = "nosniff"
            await send(message)

        with structlog.contextvars.bound_contextvars(request=request_id):
            try:
                await self._app(scope, receive, framed)
            except Exception:
                log.exception("request_failed")
                if status:
                    raise  # half an answer is out: closing the connection is all that is left to say
                await self._problems.render(Request(scope), InternalError())(scope, receive, framed)
            finally:
                seconds = time.perf_counter() - started
                route = getattr(scope.get("route"), "path", "none")
                self._metrics.answered(scope["method"], route, status, seconds)
                log.info("request_answered", route=route, status=status, seconds=round(seconds, 4))


def address_of(request: Request) -> str:
    """The scheme and host by which the client reached us; a Host header that is no host is not believed."""
    host = request.headers.get("host", "")
    if not HOST.fullmatch(host):
        name, port = request.scope.get("server") or ("localhost", None)
        host = f"{name}:{port}" if port else str(name)
    return f"{request.scope['scheme']}://{host}"
