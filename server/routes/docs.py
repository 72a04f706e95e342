"""The page that explains the API: our own, so that it works with no internet."""

from importlib.resources import files

from fastapi import APIRouter
from starlette.responses import HTMLResponse, RedirectResponse

# Only what the page itself carries, and the description of this very server.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src blob:"

router = APIRouter(include_in_schema=False)


@router.get("/docs")
async def docs() -> HTMLResponse:
    page = files("server").joinpath("web", "docs.html").read_text(encoding="utf-8")
    return HTMLResponse(page, headers={"Content-Security-Policy": POLICY})


@router.get("/")
async def front() -> RedirectResponse:
    """Who opens the server's address in a browser wants to know what it is."""
    return RedirectResponse("/docs")
