"""What the server counts, for Prometheus. Names and labels are bounded: nothing that a caller sends becomes one."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.metrics_core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from pipelines.counters import Counters

SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
LAG_SECONDS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
NO_MODEL = "none"

WORKER_COUNTERS: Mapping[str, str] = {
    "ticks": "Forward passes of the drawing loop",
    "rows": "Rows in all ticks; by ticks, the rows a tick",
    "tick_seconds": "Time in ticks; by ticks, the seconds a tick",
    "steps": "Pictures moved on by a tick",
    "loads": "Models loaded",
    "unloads": "Models unloaded, to make room or when idle",
    "out_of_memory": "Work that did not fit into the device, tried again in halves where it could be",
    "prompt_hits": "Prompts whose embeddings were remembered",
    "prompt_misses": "Prompts that were read",
}


def method_of(said: str) -> str:
    """A method that HTTP knows, or `other`: callers may make up their own."""
    return said if said in METHODS else "other"


class WorkerFigures(Collector):
    """What the worker has counted, asked when somebody looks."""

    def __init__(self, counted: Callable[[], Counters]) -> None:
        self._counted = counted

    def collect(self) -> Iterator[Metric]:
        for name, value in asdict(self._counted()).items():
            yield CounterMetricFamily(f"darkroom_{name}", WORKER_COUNTERS[name], value)


class Metrics:
    """The figures of one server, in its own registry, so that two servers in a process do not mix.

    counted: gives what the worker has counted so far.
    """

    def __init__(self, counted: Callable[[], Counters]) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(WorkerFigures(counted))
        self.open_jobs = Gauge(
            "darkroom_open_jobs", "Jobs that have not ended", ["state", "model"], registry=self.registry
        )
        self.ended_jobs = Counter(
            "darkroom_ended_jobs", "Jobs that have ended", ["state", "code"], registry=self.registry
        )
        self.wait_seconds = Histogram(
            "darkroom_wait_seconds", "From accepted to the first tick", buckets=SECONDS, registry=self.registry
        )
        self.draw_seconds = Histogram(
            "darkroom_draw_seconds", "From the first tick to the pictures", buckets=SECONDS, registry=self.registry
        )
        self.outbox_waiting = Gauge(
            "darkroom_outbox_waiting",
            "Messages that wait to be sent, or to be sent again",
            ["kind"],
            registry=self.registry,
        )
        self.outbox_attempts = Counter(
            "darkroom_outbox_attempts", "Attempts to send one", ["kind", "result"], registry=self.registry
        )
        self.worker_ready = Gauge("darkroom_worker_ready", "1 when it could draw right now", registry=self.registry)
        self.http_seconds = Histogram(
            "darkroom_http_seconds",
            "From request to response",
            ["method", "route", "status"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self.loop_lag_seconds = Histogram(
            "darkroom_loop_lag_seconds",
            "How late the event loop wakes who sleeps",
            buckets=LAG_SECONDS,
            registry=self.registry,
        )

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one response; `route` is a template such as /v1/models/{model}, never the address itself."""
        self.http_seconds.labels(method, route, str(status)).observe(seconds)

    def waiting_and_running(self, open_jobs: Iterable[tuple[tuple[str, str | None], int]]) -> None:
        """The open jobs as they are now, by state and model."""
        self.open_jobs.clear()
        for (state, model), count in open_jobs:
            self.open_jobs.labels(state, model or NO_MODEL).set(count)
