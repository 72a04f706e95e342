"""The rows of images. Each function is a step of a transaction (server/store/database.py)."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, union_all, update

from server.store.tables import images, jobs
from server.store.words import Encoding, Image


def add(connection: Connection, job_id: str | None, stored: Sequence[Image]) -> None:
    """The pictures of a job, in order."""
    if stored:
        rows = [_row(image) | {"job_id": job_id, "number": number} for number, image in enumerate(stored)]
        connection.execute(insert(images), rows)


def get(connection: Connection, image_id: str, now: float) -> Image | None:
    """None where it is deleted or over."""
    return _one(connection, images.c.id == image_id, now)


def get_linked(connection: Connection, link: str, now: float) -> Image | None:
    """None where nothing has this public name, or what had it is deleted or over."""
    return _one(connection, images.c.link == link, now)


def set_link(connection: Connection, image_id: str, link: str) -> None:
    connection.execute(update(images).where(images.c.id == image_id).values(link=link))


def of_jobs(connection: Connection, job_ids: Sequence[str]) -> dict[str, tuple[Image, ...]]:
    """The images of each job that nobody deleted, in order."""
    found: dict[str, tuple[Image, ...]] = {}
    wanted = select(images).where(images.c.job_id.in_(job_ids), images.c.deleted.is_(None)).order_by(images.c.number)
    for row in connection.execute(wanted):
        found[row.job_id] = (*found.get(row.job_id, ()), _image(row))
    return found


def remove(connection: Connection, image_id: str, now: float) -> None:
    """Nobody finds it any more; the row, with its link, stays until it is purged."""
    connection.execute(update(images).where(images.c.id == image_id, images.c.deleted.is_(None)).values(deleted=now))


def remove_for_good(connection: Connection, image_id: str) -> None:
    """The row goes at once; its file with the next sweep, because another image may have the same bytes."""
    connection.execute(delete(images).where(images.c.id == image_id))


def purge(connection: Connection, before: float) -> None:
    """What was deleted or over before a moment."""
    connection.execute(delete(images).where((images.c.deleted < before) | (images.c.expires < before)))


def needed(connection: Connection, blobs: Sequence[str]) -> set[str]:
    """Those of the blobs that a row refers to."""
    referred = union_all(
        select(images.c.blob).where(images.c.blob.in_(blobs)), select(jobs.c.pixels).where(jobs.c.pixels.in_(blobs))
    )
    return set(connection.execute(referred).scalars())


def _one(connection: Connection, wanted: Any, now: float) -> Image | None:
    alive = select(images).where(wanted, images.c.deleted.is_(None), images.c.expires > now)
    row = connection.execute(alive).one_or_none()
    return None if row is None else _image(row)


SAME: Iterable[str] = ("id", "account", "width", "height", "seed", "model", "blob", "created", "expires", "link")


def _row(image: Image) -> dict[str, Any]:
    rendered = {"rendered_width": image.rendered[0], "rendered_height": image.rendered[1]}
    return {name: getattr(image, name) for name in SAME} | rendered | {"encoding": asdict(image.encoding)}


def _image(row: Row[Any]) -> Image:
    same = {name: getattr(row, name) for name in SAME}
    return Image(**same, rendered=(row.rendered_width, row.rendered_height), encoding=Encoding(**row.encoding))
