"""Pictures that are named instead of sent: ids and aliases of stored images, in a job's JSON, become their files."""

import base64
import re
from collections.abc import Iterator, Mapping
from typing import Any

from server.errors import BodyInvalid
from server.images import ALIAS, Images

# No base64 and no data URL looks like this: neither has a _ or an @.
NAME = re.compile(rf"image_[A-Za-z0-9_-]{{1,64}}|{ALIAS}[a-z0-9][a-z0-9_-]{{0,63}}")
FIELDS = frozenset({"image", "images", "mask", "background_image", "style_image", "light_reference"})
MOST_DEPTH = 4  # a picture of an image prompt lies in a list in an object in a list in the body
MOST_NAMED = 16  # different ones, in one body: a name is short, and what it stands for is not


async def with_stored(value: dict[str, Any], images: Images, account: str) -> tuple[dict[str, Any], str | None]:
    """The JSON with pictures in base64 where images of the account were named, and the id of the one to be worked on.

    Raises ImageUnknown and BodyInvalid.
    """
    named = dict.fromkeys(_named("", value, 0))
    if len(named) > MOST_NAMED:
        raise BodyInvalid(f"Too many pictures by their names: at most {MOST_NAMED} can be read.")
    found = {name: await images.find(account, name) for name in named}
    files = {name: base64.b64encode(await images.read(image)).decode() for name, image in found.items()}
    said = value.get("image")
    parent = found[said].id if isinstance(said, str) and said in found else None
    return {field: _replaced(field, item, files, 1) for field, item in value.items()}, parent


def _named(field: str, value: Any, depth: int) -> Iterator[str]:
    match value:
        case dict() if depth < MOST_DEPTH:
            for name, item in value.items():
                yield from _named(name, item, depth + 1)
        case list() if depth < MOST_DEPTH:
            for item in value:
                yield from _named(field, item, depth + 1)
        case str() if field in FIELDS and NAME.fullmatch(value):
            yield value


def _replaced(field: str, value: Any, files: Mapping[str, str], depth: int) -> Any:
    match value:
        case dict() if depth < MOST_DEPTH:
            return {name: _replaced(name, item, files, depth + 1) for name, item in value.items()}
        case list() if depth < MOST_DEPTH:
            return [_replaced(field, item, files, depth + 1) for item in value]
        case str() if field in FIELDS:
            return files.get(value, value)
    return value
