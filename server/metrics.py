"""What the server counts, for Prometheus. Names and labels are bounded: nothing that a caller sends becomes one."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def method_of(said: str) -> str:
    """A method that HTTP knows, or `other`: callers may make up their own."""
    return said if said in METHODS else "other"


class Metrics:
    """The figures of one server, in its own registry, so that two servers in a process do not mix."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.open_jobs = Gauge("darkroom_open_jobs", "Jobs that have not ended", ["state"], registry=self.registry)
        self.ended_jobs = Counter("darkroom_ended_jobs", "Jobs that have ended", ["state"], registry=self.registry)
        self.refused_jobs = Counter("darkroom_refused_jobs", "Jobs refused by a full queue", registry=self.registry)
        self.wait_seconds = Histogram(
            "darkroom_wait_seconds", "From accepted to the first tick", buckets=SECONDS, registry=self.registry
        )
        self.draw_seconds = Histogram(
            "darkroom_draw_seconds", "From the first tick to the pictures", buckets=SECONDS, registry=self.registry
        )
        self.worker_ready = Gauge("darkroom_worker_ready", "1 when it could draw right now", registry=self.registry)
        self.http_seconds = Histogram(
            "darkroom_http_seconds",
            "From request to response",
            ["method", "route", "status"],
            buckets=SECONDS,
            registry=self.registry,
        )

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one response; `route` is a template such as /v1/models/{model}, never the address itself."""
        self.http_seconds.labels(method, route, str(status)).observe(seconds)
