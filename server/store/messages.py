"""What is written into the outbox when a job ends, in the transaction that ends it: it is sent if the job has ended."""

import json
import secrets
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Connection, insert, select

from server.store import images, ledger
from server.store.tables import connectors, jobs, outbox, webhooks
from server.store.words import Image, Job, State

WAITING = "waiting"


def write_down(connection: Connection, job: Job, now: float) -> None:
    """The messages that the end of this job calls for."""
    concerned = webhooks.c.account == job.account, webhooks.c.job_id.is_(None) | (webhooks.c.job_id == job.id)
    wanted = select(webhooks.c.id, webhooks.c.url).where(*concerned, webhooks.c.disabled.is_(None))
    targets = [("webhook", hook.id, lane(hook.url)) for hook in connection.execute(wanted)]
    if job.state is State.SUCCEEDED and job.images:
        targets += [("upload", connector, connector) for connector in _connectors(connection, job)]
    if targets:
        data = told(connection, job)
        connection.execute(insert(outbox), [row(job, *target, data, now) for target in targets])


def _connectors(connection: Connection, job: Job) -> Sequence[str]:
    """Those that take all pictures of the account, and the one that the job names."""
    named = select(jobs.c.connector).where(jobs.c.id == job.id).scalar_subquery()
    taking = connectors.c.auto_upload | (connectors.c.id == named)
    return (
        connection.execute(select(connectors.c.id).where(connectors.c.account == job.account, taking)).scalars().all()
    )


def lane(url: str) -> str:
    """Whose turn it is when something is sent there: one for each host."""
    return urlsplit(url).netloc.lower()


def row(job: Job, kind: str, target: str, lane: str, data: dict[str, Any], now: float) -> dict[str, Any]:
    return {
        "id": message_id(),
        "account": job.account,
        "kind": kind,
        "target": target,
        "lane": lane,
        "job_id": job.id,
        "event": f"job.{job.state}",
        "data": data,
        "state": WAITING,
        "attempts": 0,
        "next_try": now,
        "created": now,
    }


def message_id() -> str:
    """Never with a full stop, which Standard Webhooks puts between what is signed."""
    return f"msg_{secrets.token_urlsafe(16)}"


def told(connection: Connection, job: Job) -> dict[str, Any]:
    """All that any form of a message may say of a job, as plain JSON, in the words of our own API."""
    written = connection.execute(select(jobs.c.task).where(jobs.c.id == job.id)).scalar_one()
    task = json.loads(written)
    return {
        "id": job.id,
        "account": job.account,
        "api": job.origin.api,
        "said": dict(job.origin.said),
        "task": task.get("kind"),
        "prompt": task.get("fields", {}).get("prompt"),
        "state": job.state.value,
        "model": job.model,
        "credits": ledger.cost(connection, job.id),
        "created_at": job.created,
        "started_at": job.started,
        "ended_at": job.ended,
        "images": [_image(image) | {"link": image.link or images.publish(connection, image)} for image in job.images],
        "facts": asdict(job.facts) if job.facts else None,
        "error": {"code": job.failure.code, "message": job.failure.sentence} if job.failure else None,
    }


def _image(image: Image) -> dict[str, Any]:
    return {
        "id": image.id,
        "media_type": image.encoding.media_type,
        "width": image.width,
        "height": image.height,
        "rendered_width": image.rendered[0],
        "rendered_height": image.rendered[1],
        "seed": image.seed,
        "model": image.model,
    }
