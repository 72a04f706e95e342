"""Who is refused at the door stands in the audit log, whichever route or API it was that refused."""

from starlette.requests import Request

from pipelines.errors import DarkroomError
from server.errors import KeyWrong, ModelNotAllowed, NotOperator, ScopeMissing, SiteRefused, TokenWrong
from server.http.parts import parts_of

STRANGERS = KeyWrong, TokenWrong, SiteRefused
KNOWN = ScopeMissing, NotOperator, ModelNotAllowed


async def note_refusal(request: Request, error: DarkroomError) -> None:
    """Nothing for other errors, among them that there is no key at all: who only looks in has tried nothing.

    The two have a word each, so that strangers cannot crowd out what those do who have a key.
    """
    audit, route = parts_of(request).audit, getattr(request.scope.get("route"), "path", None)
    if isinstance(error, STRANGERS):
        await audit.note_refused("login_refused", code=error.code, method=request.method, route=route)
    elif isinstance(error, KNOWN):
        await audit.note_refused("access_refused", code=error.code, method=request.method, route=route)
