"""What the Python clients' programs share: checks that are told as lines of JSON, each with the pictures that it got.

A program is called with the server's address, a key, and a folder, where the pictures lie that it may send, and where
those go that came back. scripts/conformance judges them.
"""

import base64
import io
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from PIL import Image

PROMPT = "a big yellow star on a black background"
STAR = {"colour": "yellow", "shape": "star", "background": "black", "place": "middle"}
OTHER = "a big red star on a white background"
RED = {"colour": "red", "background": "white", "place": "middle"}
ALIKE = {"seed": 7, "steps": 20, "guidance": 4.0}  # with PROMPT, Euler and 128x128: the same picture by every API


class Absent(Exception):
    """The server at hand lacks what the check needs."""


class Desk:
    def __init__(self, address: str, key: str, folder: str) -> None:
        self.address, self.key, self.folder = address, key, Path(folder)
        self.pictures: list[dict[str, Any]] = []
        self._count = 0

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    def path(self, name: str) -> Path:
        """`scene`: a big blue star on white; `white` and `clear`: its mask, white or transparent where it lies."""
        return self.folder / f"{name}.png"

    def open(self, name: str) -> Image.Image:
        return Image.open(self.path(name))

    def got(
        self,
        picture: Image.Image | bytes | str,
        size: tuple[int, int] = (128, 128),
        shows: Mapping[str, str] | None = None,
        *,
        alike: bool = False,
        masked: bool = False,
    ) -> Image.Image:
        """A picture that came back, also as a file's bytes or in base64. shows: what the judge must see in it.

        alike: it must be the same as all others that say so, of whatever client. masked: it is the scene, drawn anew
        under its mask and nowhere else.
        """
        if isinstance(picture, str):
            picture = base64.b64decode(picture, validate=True)
        opened = Image.open(io.BytesIO(picture)) if isinstance(picture, bytes) else picture
        self._count += 1
        path = self.folder / f"{Path(sys.argv[0]).stem}-{self._count}.png"
        opened.save(path)
        told = {"file": str(path), "size": size, "shows": dict(shows or {}), "alike": alike, "masked": masked}
        self.pictures.append(told)
        return opened


def run(program: Mapping[str, Any]) -> None:
    """Every check of a program's globals, in their order: `check_` and a promise, with underscores."""
    checks: dict[str, Callable[[Desk], None]] = {
        name.removeprefix("check_").replace("_", " "): check
        for name, check in program.items()
        if name.startswith("check_")
    }
    desk = Desk(*sys.argv[1:4])
    for name, check in checks.items():
        desk.pictures, told = [], {"check": name, "absent": None, "error": None}
        try:
            check(desk)
        except Absent as absent:
            told["absent"] = str(absent)
        except Exception as error:
            told["error"] = f"{type(error).__name__}: {str(error)[:300]}"
        sys.stdout.write(json.dumps(told | {"pictures": desk.pictures}) + "\n")
        sys.stdout.flush()


def fails(error: type[Exception], action: Callable[[], Any]) -> Exception:
    """The error that the action raised, which must be of this class."""
    try:
        action()
    except error as raised:
        return raised
    raise AssertionError(f"no {error.__name__} was raised")
