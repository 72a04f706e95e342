"""The outermost layer of a request: its id, its log line, its figures, its safe headers, and no error unanswered."""

import asyncio
import re
import secrets
import time

import structlog
from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipelines.errors import DarkroomError
from server.errors import AddressUnknown, ClientGone, InternalError, ServerStopping
from server.http.parts import parts_of
from server.http.problems import Problems
from server.metrics import Metrics, method_of

HOST = re.compile(r"[A-Za-z0-9.\-]{1,255}(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:[0-9]{1,5})?")

log = structlog.get_logger()


class Frame:
    """Pure ASGI, so that bodies and answers pass through unbuffered.

    root_path: under which a proxy shows us; it may leave it on the addresses that it hands on, or take it off.
    """

    def __init__(self, app: ASGIApp, problems: Problems, metrics: Metrics, root_path: str) -> None:
        self._app = app
        self._problems = problems
        self._metrics = metrics
        self._root_path = root_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope["root_path"] = self._root_path
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
                if headers.get("location", "").startswith("/"):
                    headers["location"] = self._root_path + headers["location"]
            await send(message)

        with structlog.contextvars.bound_contextvars(request=request_id):
            try:
                if "\0" in scope["path"]:  # which no name of ours has, and PostgreSQL cannot be asked for
                    raise AddressUnknown
                await self._app(scope, receive, framed)
            except (Exception, asyncio.CancelledError) as error:
                told = _told(error)
                if status:
                    raise  # half an answer is out: closing the connection is all that is left to say
                await self._problems.render(Request(scope), told)(scope, receive, framed)
            finally:
                self._note(scope, status, time.perf_counter() - started)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        """Nothing that the caller made up: the method is a known one, the route a template, the account one of ours."""
        method, route = method_of(scope["method"]), getattr(scope.get("route"), "path", "none")
        self._metrics.answered(method, route, status, seconds)
        log.info(
            "request_answered",
            method=method,
            route=route,
            status=status,
            milliseconds=round(1000 * seconds, 1),
            account=scope["state"].get("account"),
        )


def _told(error: BaseException) -> DarkroomError:
    """What the caller hears of it; only a server at its end cancels requests. Who left amid a body hears nothing."""
    if isinstance(error, DarkroomError):
        return error
    if isinstance(error, asyncio.CancelledError):
        return ServerStopping()
    if isinstance(error, ClientDisconnect):
        return ClientGone()
    log.error("request_failed", exc_info=error)
    return InternalError()


def address_of(request: Request) -> str:
    """What absolute links begin with: `public_url`, or else the scheme and host by which the client reached us.

    A Host header that is no host is not believed.
    """
    public_url = parts_of(request).settings.public_url
    if public_url is not None:
        return public_url
    host = request.headers.get("host", "")
    if not HOST.fullmatch(host):
        name, port = request.scope.get("server") or ("localhost", None)
        host = f"{name}:{port}" if port else str(name)
    return f"{request.scope['scheme']}://{host}{request.scope['root_path']}"
