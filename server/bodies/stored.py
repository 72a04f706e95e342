"""Pictures that are named instead of sent: ids and aliases of stored images, in a job's JSON, become their files."""

import base64
import re
from typing import Any

from server.images import ALIAS, Image, Images

# No base64 and no data URL looks like this: neither has a _ or an @.
NAME = re.compile(rf"image_[A-Za-z0-9_-]{{1,64}}|{ALIAS}[a-z0-9][a-z0-9_-]{{0,63}}")
FIELDS = frozenset({"image", "images", "mask", "background_image", "style_image", "light_reference"})
MOST_DEPTH = 4  # a picture of an image prompt lies in a list in an object in a list


async def with_stored(value: dict[str, Any], images: Images, account: str) -> tuple[dict[str, Any], str | None]:
    """The JSON with pictures in base64 where images of the account were named, and the id of the one to be worked on.

    Raises ImageUnknown.
    """
    found: dict[str, Image] = {}
    read = {name: await _read(name, item, images, account, found, 0) for name, item in value.items()}
    return read, found["image"].id if "image" in found else None


async def _read(field: str, value: Any, images: Images, account: str, found: dict[str, Image], depth: int) -> Any:
    if depth < MOST_DEPTH and isinstance(value, dict):
        return {name: await _read(name, item, images, account, found, depth + 1) for name, item in value.items()}
    if depth < MOST_DEPTH and isinstance(value, list):
        return [await _read(field, item, images, account, found, depth + 1) for item in value]
    if field not in FIELDS or not isinstance(value, str) or not NAME.fullmatch(value):
        return value
    image = await images.find(account, value)
    if depth == 0:
        found[field] = image
    return base64.b64encode(await images.read(image)).decode()
