"""Templates: sizes and looks for a purpose, filtered, searched, recommended."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from server.dialects.image_studio.wording import PREFIX, in_body
from server.errors import BodyInvalid
from server.http.auth import TheAccount
from server.http.parts import TheParts
from server.prompts.finding import Templates, of_kind, recommended, searched
from server.prompts.library import Content
from server.prompts.places import Template
from server.prompts.words import key_of

Filter = Annotated[str | None, Query(max_length=200)]
Words = Annotated[str, Query(min_length=1, max_length=200)]

router = APIRouter(prefix=f"{PREFIX}/templates")


@router.get("")
async def templates(
    parts: TheParts, account: TheAccount, platform: Filter = None, category: Filter = None
) -> dict[str, Any]:
    """All of them, or those of a platform and of a category."""
    return _listed(_of_kind(parts.library.now, platform, category))


@router.get("/search")
async def search(parts: TheParts, account: TheAccount, query: Words) -> dict[str, Any]:
    """Those in which every word of the query stands, or begins a word."""
    return _listed(searched(parts.library.now.templates, query))


@router.get("/recommend")
async def recommend(parts: TheParts, account: TheAccount, use_case: Words, platform: Filter = None) -> dict[str, Any]:
    """Those with words of the use case, the best first."""
    return _listed(recommended(_of_kind(parts.library.now, platform, None), use_case))


def _of_kind(content: Content, platform: str | None, category: str | None) -> Templates:
    """Raises BodyInvalid for a platform or a category that is not there."""
    categories = sorted({template.category for template in content.templates.values()})
    if category is not None and key_of(category) not in categories:
        raise BodyInvalid(f"`category` must be one of: {', '.join(categories)}.", field="category")
    with in_body():
        return of_kind(content, platform, category)


def _listed(found: Templates) -> dict[str, Any]:
    return {"templates": [_told(name, template) for name, template in found.items()], "total": len(found)}


def _told(name: str, template: Template) -> dict[str, Any]:
    """recommended_provider: whatever is installed here draws every template."""
    return {
        "id": name,
        "name": template.name,
        "category": template.category,
        "platform": template.platform,
        "aspect_ratio": {
            "ratio": template.ratio,
            "width": template.width,
            "height": template.height,
            "label": template.label,
        },
        "description": template.description,
        "recommended_provider": "auto",
        "style_preset": template.style,
        "quality": template.quality,
        "use_cases": list(template.use_cases),
    }
