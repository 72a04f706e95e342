"""Loaded by every Python of a test whose PYTHONPATH names this folder: refuses all addresses but loopback."""

import os
import sys
from typing import Any


def refuse_others(event: str, arguments: tuple[Any, ...]) -> None:
    if event not in ("socket.connect", "socket.getaddrinfo"):
        return
    host = arguments[1][0] if event == "socket.connect" and isinstance(arguments[1], tuple) else arguments[0]
    if isinstance(host, str) and host not in ("127.0.0.1", "::1", "localhost"):
        raise RuntimeError("a call left this machine")


if os.environ.get("GUARD") == "hook":
    sys.addaudithook(refuse_others)
