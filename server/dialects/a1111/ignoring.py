"""Fields that change nothing, named in a header of the answer."""

from typing import Any

from server.dialects.a1111.asking import headers_of
from server.http.body import NAME, Body


def ignored(asked: Body, value: dict[str, Any], *unused: str) -> dict[str, str]:
    """The header for the fields that are not known, and for those of `unused` that say something of their own.

    value: the body as it came. Strange names are left unsaid.
    """
    fields = type(asked).model_fields
    strange = sorted(name for name in value if name not in fields and NAME.fullmatch(name))
    said = [name for name in unused if getattr(asked, name) != fields[name].get_default(call_default_factory=True)]
    return headers_of([*strange, *said], [], None)
