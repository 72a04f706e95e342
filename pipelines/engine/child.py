"""What runs in a child process of ProcessWorker: an InlineWorker whose door is a pipe.

It lives no longer than that pipe, and gives up as soon as its engine does: the parent decides what becomes of the jobs.
"""

import ctypes
import os
import signal
import sys
import threading
from multiprocessing.connection import Connection
from pathlib import Path

import structlog

from pipelines.catalog import Catalog
from pipelines.engine.inline import InlineWorker
from pipelines.engine.protocol import Event
from pipelines.engine.wire import Begin, Cancel, Message, Submit, Wish, decode, encode
from pipelines.errors import CatalogInvalid
from pipelines.logs import configure_logs

log = structlog.get_logger("child")

BEAT_SECONDS = 0.5
PR_SET_PDEATHSIG = 1  # linux/prctl.h


class Parent:
    """The parent, as the child sees it. Both of the child's threads talk to it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._talking = threading.Lock()

    def tell(self, message: Message) -> None:
        with self._talking:
            self._connection.send_bytes(encode(message))

    def ask(self) -> Message:
        return decode(self._connection.recv_bytes())

    def has_spoken(self) -> bool:
        """Waits for it, but not for long."""
        return self._connection.poll(BEAT_SECONDS)


def serve(parent: Parent) -> None:
    """Until the worker fails. Raises EOFError or OSError when the parent is gone."""
    begin = parent.ask()
    if not isinstance(begin, Begin):
        return
    configure_logs(begin.logs)
    catalog = Catalog.load(Path(begin.models_file), Path(begin.models_folder))
    worker = InlineWorker(catalog, begin.device, begin.tuning)

    def tell(event: Event) -> None:
        health = worker.health()
        if health.state != "failed":
            parent.tell(health)
            parent.tell(event)

    worker.start(tell)
    while worker.health().state != "failed":
        parent.tell(worker.health())
        if parent.has_spoken():
            obey(worker, catalog, parent.ask())


def obey(worker: InlineWorker, catalog: Catalog, message: Message) -> None:
    match message:
        case Submit(job_id, task, terms):
            look_again(catalog)
            worker.submit(job_id, task, terms)
        case Cancel(job_id):
            worker.cancel(job_id)
        case Wish(model, loaded):
            look_again(catalog)
            worker.wish(model, loaded=loaded)


def look_again(catalog: Catalog) -> None:
    """A job may need files that were put into the models folder since: its model, a LoRA, an embedding in its prompt.

    Cheap, because only files that are new are opened.
    """
    try:
        catalog.rescan()
    except CatalogInvalid as error:
        log.warning("models_not_rescanned", reason=error.sentence)


def die_with_parent() -> None:
    """With the parent's thread that started this one, to be exact. Linux only.

    The end of the pipe tells of it too, but a child that hangs may not read it.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def main() -> None:
    die_with_parent()
    configure_logs()
    try:
        serve(Parent(Connection(int(sys.argv[1]))))
    except (EOFError, OSError):
        log.info("parent_gone")
    except Exception:
        log.exception("child_failed")
    finally:
        os._exit(1)  # without waiting for the other thread, which may be in a tick that never ends


if __name__ == "__main__":
    main()
