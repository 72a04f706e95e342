"""A chat server on loopback for tests of whoever asks it: says what it is told to, and keeps what it was asked."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response

from tests.server.serving import running

MODEL = "a-small-model"


def says(content: str) -> bytes:
    """What a server of OpenAI's protocol answers."""
    message = {"role": "assistant", "content": content}
    return orjson.dumps({"id": "x", "object": "chat.completion", "choices": [{"index": 0, "message": message}]})


@dataclass
class ChatServer:
    """status, body, headers: of every answer. silent: it never answers."""

    body: bytes = says("a better prompt")
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    silent: bool = False
    asked: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    url: str = ""

    async def answer(self, request: Request) -> Response:
        self.paths.append(request.url.path)
        self.keys.append(request.headers.get("authorization"))
        self.asked.append(await request.json())
        while self.silent and (await request.receive())["type"] != "http.disconnect":
            pass
        return Response(self.body, self.status, self.headers, media_type="application/json")


@contextmanager
def chatting(server: ChatServer) -> Iterator[ChatServer]:
    app = FastAPI(openapi_url=None)
    app.add_route("/{path:path}", server.answer, methods=["POST", "GET"])
    with running(app) as address:
        server.url = f"{address}/v1"
        yield server
