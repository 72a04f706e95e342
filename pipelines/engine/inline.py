"""InlineWorker: the engine in a thread of this process. The default on a CPU, and in tests.

torch is imported by the thread: it takes seconds, and the server that made this worker is to answer meanwhile.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import structlog

from pipelines.catalog import Catalog
from pipelines.engine.protocol import Health, Listener
from pipelines.tasks import Task

if TYPE_CHECKING:
    from pipelines.engine.loop import Engine
    from pipelines.registry import Registry

log = structlog.get_logger("worker")

IDLE_BEAT_SECONDS = 1.0


class InlineWorker:
    """See `protocol.Worker`. Calls from other threads become commands that the thread takes between two ticks."""

    def __init__(self, catalog: Catalog, device: str = "auto") -> None:
        self._catalog = catalog
        self._device = device
        self._commands: queue.SimpleQueue[Callable[[Engine], None]] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._state = "starting"
        self._beat = time.monotonic()
        self._counts = (0, 0)
        self._loaded: tuple[str, ...] = ()

    def start(self, listener: Listener) -> None:
        self._thread = threading.Thread(target=self._run, args=(listener,), name="darkroom-worker", daemon=True)
        self._thread.start()

    def submit(self, job_id: str, task: Task) -> None:
        self._commands.put(lambda engine: engine.submit(job_id, task))

    def cancel(self, job_id: str) -> None:
        self._commands.put(lambda engine: engine.cancel(job_id))

    def health(self) -> Health:
        running, waiting = self._counts
        return Health(
            ready=self._state == "ready",
            state=self._state,
            device=self._device,
            seconds_since_beat=time.monotonic() - self._beat,
            loaded_models=self._loaded,
            running=running,
            waiting=waiting + self._commands.qsize(),
        )

    def stop(self) -> None:
        if self._thread is None:
            return
        self._stopping.set()
        self._commands.put(lambda engine: engine.cancel_all())
        self._thread.join()
        self._state = "stopped"

    def _run(self, listener: Listener) -> None:
        try:
            engine, registry = self._prepare(listener)
        except Exception:  # whatever it is, the server must say "not ready" rather than hang
            log.exception("worker_failed")
            self._state = "failed"
            return
        self._state = "ready"
        while True:
            self._beat = time.monotonic()
            self._counts, self._loaded = (engine.running, engine.waiting), registry.loaded()
            self._obey(engine)
            if self._stopping.is_set() and self._commands.empty():
                return
            if not engine.turn():
                self._await_command(engine)

    def _prepare(self, listener: Listener) -> tuple[Engine, Registry]:
        """The engine, with the default model loaded."""
        import torch

        from pipelines.engine.loop import Engine
        from pipelines.registry import Registry

        if self._device == "auto":
            self._device = "cuda" if torch.cuda.is_available() else "cpu"
        device = torch.device(self._device)
        dtype = torch.float16 if device.type == "cuda" else torch.float32
        registry = Registry(self._catalog, device, dtype, memory_budget=None)
        registry.sdxl(self._catalog.default().id)
        return Engine(self._catalog, registry, listener), registry

    def _obey(self, engine: Engine) -> None:
        while not self._commands.empty():
            self._commands.get()(engine)

    def _await_command(self, engine: Engine) -> None:
        try:
            command = self._commands.get(timeout=IDLE_BEAT_SECONDS)
        except queue.Empty:
            return
        command(engine)
