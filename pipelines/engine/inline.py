"""InlineWorker: the engine in a thread of this process. The default on a CPU, and in tests."""

import queue
import threading
import time
from collections.abc import Callable

import structlog
import torch

from pipelines.catalog import Catalog
from pipelines.engine.loop import Engine
from pipelines.engine.protocol import Health, Listener
from pipelines.registry import Registry
from pipelines.tasks import Task

log = structlog.get_logger("worker")

IDLE_BEAT_SECONDS = 1.0


class InlineWorker:
    """See `protocol.Worker`. Calls from other threads become commands that the thread takes between two ticks."""

    def __init__(self, catalog: Catalog, device: str = "auto") -> None:
        self._catalog = catalog
        self._device = torch.device(_resolve(device))
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
            device=str(self._device),
            seconds_since_beat=time.monotonic() - self._beat,
            loaded_models=self._loaded,
            running=running,
            waiting=waiting + self._commands.qsize(),
        )

    def stop(self) -> None:
        if self._thread is None:
            return
        self._stopping.set()
        self._commands.put(Engine.cancel_all)
        self._thread.join()
        self._state = "stopped"

    def _run(self, listener: Listener) -> None:
        dtype = torch.float16 if self._device.type == "cuda" else torch.float32
        registry = Registry(self._catalog, self._device, dtype, memory_budget=None)
        engine = Engine(self._catalog, registry, listener)
        self._load_default(registry)
        while True:
            self._beat = time.monotonic()
            self._counts, self._loaded = (engine.running, engine.waiting), registry.loaded()
            self._obey(engine)
            if self._stopping.is_set() and self._commands.empty():
                return
            if not engine.turn():
                self._await_command(engine)

    def _load_default(self, registry: Registry) -> None:
        try:
            registry.sdxl(self._catalog.default().id)
        except Exception:  # whatever it is, the server must say "not ready" rather than hang
            log.exception("default_model_failed")
            self._state = "failed"
        else:
            self._state = "ready"

    def _obey(self, engine: Engine) -> None:
        while not self._commands.empty():
            self._commands.get()(engine)

    def _await_command(self, engine: Engine) -> None:
        try:
            command = self._commands.get(timeout=IDLE_BEAT_SECONDS)
        except queue.Empty:
            return
        command(engine)


def _resolve(device: str) -> str:
    if device != "auto":
        return device
    return "cuda" if torch.cuda.is_available() else "cpu"
