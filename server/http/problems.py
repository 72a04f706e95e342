"""Errors become answers: the dialect of the address words the body, the table of server/errors/ gives the status."""

from collections.abc import Callable, Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from pipelines.errors import DarkroomError
from server.errors import (
    AddressUnknown,
    BodyInvalid,
    InternalError,
    MethodWrong,
    QueueFull,
    RangeBeyond,
    RateLimited,
    ServerStopping,
    status_of,
)
from server.http.body import blaming
from server.http.prefixes import by_prefix
from server.http.refusals import note_refusal

# What OpenAPI says of every operation: their bodies are those of the API that the address belongs to.
ERRORS_DESCRIBED: dict[int | str, dict[str, Any]] = {
    status: {"description": told, "content": {"application/json": {"schema": {"type": "object"}}}}
    for status, told in (("4XX", "What was asked for cannot be done, and why."), ("5XX", "It could not be done now."))
}

Wording = Callable[[DarkroomError, str], dict[str, Any]]


def our_wording(error: DarkroomError, request_id: str) -> dict[str, Any]:
    """The body of an error in our own API; `field` is there where one field is to blame."""
    body = {"code": error.code, "message": error.sentence, "request_id": request_id}
    if error.field is not None:
        body["field"] = error.field
    return {"error": body}


class Problems:
    """manners: an address prefix such as /v1 -> how that dialect words an error, and its statuses in place of ours."""

    def __init__(self, manners: Mapping[str, tuple[Wording, Mapping[int, int]]]) -> None:
        self._manners = dict(manners)

    def render(self, request: Request, error: DarkroomError, headers: Mapping[str, str] | None = None) -> JSONResponse:
        """The whole response. Nothing of the request is repeated in it."""
        wording, statuses = by_prefix(request.scope, self._manners) or (our_wording, {})
        status = statuses.get(status_of(error), status_of(error))
        headers = dict(headers or {})
        if status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        if isinstance(error, QueueFull | RateLimited | ServerStopping):
            headers["Retry-After"] = str(error.retry_after)
        if isinstance(error, RangeBeyond):
            headers["Content-Range"] = f"bytes */{error.size}"
        return JSONResponse(wording(error, request.state.request_id), status, headers)

    def install(self, app: FastAPI) -> None:
        """Answer every error that the routes raise; what they do not foresee is left to the frame."""

        async def ours(request: Request, error: Exception) -> JSONResponse:
            assert isinstance(error, DarkroomError)
            await note_refusal(request, error)
            return self.render(request, error)

        async def routing(request: Request, error: Exception) -> JSONResponse:
            assert isinstance(error, HTTPException)
            known = {404: AddressUnknown, 405: MethodWrong}.get(error.status_code)
            told = known() if known else BodyInvalid("The request could not be read.")
            return self.render(request, told if error.status_code < 500 else InternalError(), error.headers)

        async def parameters(request: Request, error: Exception) -> JSONResponse:
            """FastAPI's own answer would repeat what came in."""
            assert isinstance(error, RequestValidationError)
            first = error.errors()[0]
            field = next(name for name in reversed(first["loc"]) if isinstance(name, str))  # not the place in a list
            return self.render(request, blaming(field, first["msg"]))

        app.add_exception_handler(DarkroomError, ours)
        app.add_exception_handler(RequestValidationError, parameters)
        app.add_exception_handler(HTTPException, routing)
