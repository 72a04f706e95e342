"""The figures of server/metrics.py in Prometheus' text format."""

from fastapi import APIRouter, Depends, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from server.http.auth import admin_of
from server.http.parts import TheParts

router = APIRouter(tags=["health"], dependencies=[Depends(admin_of)])


@router.get("/metrics", response_class=Response)
async def metrics(parts: TheParts) -> Response:
    """Counters since the start, and the queue as it is now."""
    parts.metrics.waiting_and_running((await parts.jobs.open_by_model()).items())
    for kind, count in (await parts.outbox.waiting()).items():
        parts.metrics.outbox_waiting.labels(kind).set(count)
    parts.metrics.worker_ready.set(parts.worker.health().ready)
    return Response(generate_latest(parts.metrics.registry), media_type=CONTENT_TYPE_LATEST)
