"""A receiver of webhooks on loopback: keeps what it got, and answers as a test tells it to, or not at all."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

HANG = 0  # in place of a status
Got = tuple[dict[str, str], bytes]


@dataclass
class Receiver:
    """answer: the status for a message, from its headers and body, and the headers to go with it.

    any_method: for what is no webhook: the status, with a body or without, from method, path, headers and body.
    """

    answer: Callable[[dict[str, str], bytes], tuple[int, dict[str, str]]] = lambda headers, body: (204, {})
    any_method: Callable[..., Any] | None = None
    got: list[Got] = field(default_factory=list)
    port: int = 0
    closing: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    def payloads(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.got]

    def ids(self) -> list[str]:
        return [headers["webhook-id"] for headers, _ in self.got]

    @contextmanager
    def listening(self) -> Iterator["Receiver"]:
        """Again and again, always on the same port."""
        self.closing.clear()
        server = Listener(("127.0.0.1", self.port), handler_for(self))
        self.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), name="receiver")
        thread.start()
        try:
            yield self
        finally:
            self.closing.set()
            server.shutdown()
            server.server_close()
            thread.join()


class Listener(ThreadingHTTPServer):
    allow_reuse_address = True
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """The sender may have lost patience."""


def handler_for(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(int(headers["content-length"]))
            if receiver.any_method is not None:
                self.tell(receiver.any_method(self.command, self.path, headers, body))
                return
            status, told = receiver.answer(headers, body)
            if status == HANG:
                receiver.closing.wait(30)
                return
            receiver.got.append((headers, body))
            with suppress(ConnectionError):
                self.send_response(status)
                for name, value in told.items():
                    self.send_header(name, value)
                self.send_header("content-length", "0")
                self.end_headers()

        do_PUT = do_MKCOL = do_POST

        def tell(self, told: Any) -> None:
            status, body = told if isinstance(told, tuple) else (told, "")
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def do_GET(self) -> None:
            """Whoever follows a redirect ends up here."""
            receiver.got.append(({"webhook-id": "GET"}, b"{}"))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler
