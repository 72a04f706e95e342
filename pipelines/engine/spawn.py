"""A child process as its parent holds it: the process, and the pipe to it."""

import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import Pipe
from typing import Self

import structlog

from pipelines.engine.wire import Message, WireError, decode, encode

log = structlog.get_logger("worker")


class Child:
    """Starts at once. Two threads carry the messages, so that a child that stops in the middle of one holds up nobody.

    hear: is told what the child says, and None when it says no more; from a thread, in order.
    """

    def __init__(self, hear: Callable[[Self, Message | None], None]) -> None:
        self._pipe, theirs = Pipe()
        with theirs:
            end = theirs.fileno()
            # A session of its own: Ctrl-C is for the server, which then ends its child as it likes.
            self._process = subprocess.Popen(
                [sys.executable, "-m", "pipelines.engine.child", str(end)],
                pass_fds=[end],
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        self._outbox: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._listen, args=(hear,), name="darkroom-ear", daemon=True),
            threading.Thread(target=self._talk, name="darkroom-mouth", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def tell(self, message: Message) -> None:
        """Returns at once; what a dead child is told is lost."""
        self._outbox.put(message)

    def end(self, grace_seconds: float) -> int:
        """The exit status, negative for a signal: of its own death, or of the one that it gets, gently if it can be."""
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(grace_seconds)
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)  # with whatever it has started, which may hold the pipe open
        status = self._process.wait()
        self._outbox.put(None)
        for thread in self._threads:
            thread.join()
        self._pipe.close()
        return status

    def _listen(self, hear: Callable[[Self, Message | None], None]) -> None:
        try:
            while True:
                hear(self, decode(self._pipe.recv_bytes()))
        except (EOFError, OSError):
            hear(self, None)
        except WireError:
            log.exception("worker_garbled")
            hear(self, None)

    def _talk(self) -> None:
        with suppress(OSError):  # a broken pipe: the other thread has the news of it
            while (message := self._outbox.get()) is not None:
                self._pipe.send_bytes(encode(message))
