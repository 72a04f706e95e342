"""The rows of images. Each function is a step of a transaction (server/store/database.py)."""

import math
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Row, delete, exists, func, insert, select, union_all, update

from server.store.database import one_at_a_time
from server.store.tables import image_tags, images, jobs, likes, thumbnails
from server.store.words import Caption, Encoding, Image

ROOM_LOCK = 5


def is_there(now: float) -> ColumnElement[bool]:
    """Neither deleted nor over."""
    return images.c.deleted.is_(None) & (images.c.expires > now)


def add(connection: Connection, job_id: str | None, stored: Sequence[Image]) -> None:
    """The pictures of a job, in order."""
    if stored:
        rows = [_row(image) | {"job_id": job_id, "number": number} for number, image in enumerate(stored)]
        connection.execute(insert(images), rows)
        if tags := [{"image_id": image.id, "tag": tag} for image in stored for tag in set(image.caption.tags)]:
            connection.execute(insert(image_tags), tags)


def add_within(connection: Connection, image: Image, most_bytes: int | None, now: float) -> bool:
    """Unless the account would then have more bytes than it may; True if it is added."""
    one_at_a_time(connection, ROOM_LOCK)
    if most_bytes is not None and bytes_of(connection, image.account, now) + (image.size or 0) > most_bytes:
        return False
    add(connection, None, [image])
    return True


def bytes_of(connection: Connection, account: str, now: float) -> int:
    """The sizes of an account's images that are there, each counted, whether or not others have the same bytes."""
    total = select(func.coalesce(func.sum(images.c.size), 0)).where(images.c.account == account, is_there(now))
    return int(connection.execute(total).scalar_one())


def get(connection: Connection, image_id: str, now: float, *, with_deleted: bool = False) -> Image | None:
    """None where it is deleted or over, unless such are wanted too."""
    return _one(connection, images.c.id == image_id, None if with_deleted else now)


def get_linked(connection: Connection, link: str, now: float) -> Image | None:
    """None where nothing has this public name, or what had it is deleted or over."""
    return _one(connection, images.c.link == link, now)


def get_named(connection: Connection, account: str, alias: str, now: float) -> Image | None:
    """By the name that its owner gave it."""
    return _one(connection, (images.c.account == account) & (images.c.alias == alias), now)


def publish(connection: Connection, image: Image) -> str:
    """Its public name, which cannot be guessed: a new one, unless it has one, which others know by now."""
    link = f"{secrets.token_urlsafe(32)}.{image.encoding.format}"
    nameless = images.c.id == image.id, images.c.link.is_(None)
    connection.execute(update(images).where(*nameless).values(link=link))
    return connection.execute(select(images.c.link).where(images.c.id == image.id)).scalar_one_or_none() or link


def of_jobs(connection: Connection, job_ids: Sequence[str]) -> dict[str, tuple[Image, ...]]:
    """The images of each job that nobody deleted, in order."""
    found: dict[str, tuple[Image, ...]] = {}
    wanted = select(images).where(images.c.job_id.in_(job_ids), images.c.deleted.is_(None)).order_by(images.c.number)
    rows = connection.execute(wanted).all()
    for row, image in zip(rows, whole(connection, rows), strict=True):
        found[row.job_id] = (*found.get(row.job_id, ()), image)
    return found


def count(connection: Connection, image_id: str, what: Literal["views", "downloads"]) -> None:
    """Its file was asked for once more."""
    column = images.c[what]
    connection.execute(update(images).where(images.c.id == image_id).values({what: column + 1}))


def remove(connection: Connection, image_id: str, now: float) -> None:
    """Nobody finds it any more; the row, with its link, stays until it is purged."""
    connection.execute(update(images).where(images.c.id == image_id, images.c.deleted.is_(None)).values(deleted=now))


def remove_for_good(connection: Connection, image_id: str) -> None:
    """The row goes at once; its file with the next sweep, because another image may have the same bytes."""
    connection.execute(delete(images).where(images.c.id == image_id))


def remove_of_job(connection: Connection, job_id: str, now: float) -> None:
    """As `remove`, all that a job drew but for what its owner gave a name."""
    drawn = images.c.job_id == job_id, images.c.alias.is_(None), images.c.deleted.is_(None)
    connection.execute(update(images).where(*drawn).values(deleted=now))


def remove_of_job_for_good(connection: Connection, job_id: str) -> None:
    """All that a job drew, for good, but for what its owner gave a name."""
    connection.execute(delete(images).where(images.c.job_id == job_id, images.c.alias.is_(None)))


def restore(connection: Connection, image_id: str, expires: float) -> None:
    """What was deleted, or is over, is found again, at least until then."""
    later = func.max if connection.dialect.name == "sqlite" else func.greatest
    values = {"deleted": None, "expires": later(images.c.expires, expires)}
    connection.execute(update(images).where(images.c.id == image_id).values(values))


def purge(connection: Connection, before: float) -> int:
    """What was deleted or over before a moment: so many. What is known of small copies go with the last image."""
    gone = connection.execute(delete(images).where((images.c.deleted < before) | (images.c.expires < before)))
    connection.execute(delete(thumbnails).where(~exists().where(images.c.blob == thumbnails.c.blob)))
    return gone.rowcount


def needed(connection: Connection, blobs: Sequence[str]) -> set[str]:
    """Those of the blobs that a row refers to."""
    columns = images.c.blob, jobs.c.pixels, thumbnails.c.small
    referred = union_all(*(select(column).where(column.in_(blobs)) for column in columns))
    return set(connection.execute(referred).scalars())


def all_blobs(connection: Connection) -> set[str]:
    """Every blob that a row refers to."""
    columns = images.c.blob, jobs.c.pixels, thumbnails.c.small
    named = union_all(*(select(column).where(column.is_not(None)) for column in columns))
    return set(connection.execute(named).scalars())


def whole(connection: Connection, rows: Sequence[Row[Any]]) -> list[Image]:
    """The images of such rows, with their tags and likes."""
    if not rows:
        return []
    names = [row.id for row in rows]
    wanted = select(image_tags).where(image_tags.c.image_id.in_(names)).order_by(image_tags.c.tag)
    tags: dict[str, list[str]] = {}
    for row in connection.execute(wanted):
        tags.setdefault(row.image_id, []).append(row.tag)
    counted = select(likes.c.image_id, func.count()).where(likes.c.image_id.in_(names)).group_by(likes.c.image_id)
    liked = {str(name): int(count) for name, count in connection.execute(counted)}
    return [_image(row, tuple(tags.get(row.id, ())), liked.get(row.id, 0)) for row in rows]


def _one(connection: Connection, wanted: ColumnElement[bool], now: float | None) -> Image | None:
    found = select(images).where(wanted) if now is None else select(images).where(wanted, is_there(now))
    images_found = whole(connection, connection.execute(found).all())
    return images_found[0] if images_found else None


SAME: Iterable[str] = (
    *("id", "account", "width", "height", "seed", "model", "blob", "created", "expires", "link", "size", "kind"),
    *("prompt", "seconds", "alias", "views", "downloads", "deleted"),
)
SAID: Iterable[str] = ("asked", "preset", "preset_name", "parent", "title", "description", "public")


def _row(image: Image) -> dict[str, Any]:
    row = {name: getattr(image, name) for name in SAME} | {name: getattr(image.caption, name) for name in SAID}
    row |= {"rendered_width": image.rendered[0], "rendered_height": image.rendered[1], "drawn_by": image.job_id}
    return row | {"encoding": asdict(image.encoding), "variables": dict(image.caption.variables)}


def _image(row: Row[Any], tags: tuple[str, ...], liked: int) -> Image:
    said: dict[str, Any] = {name: getattr(row, name) for name in SAID}
    keep = True if row.expires == math.inf else None
    return Image(
        **{name: getattr(row, name) for name in SAME},
        rendered=(row.rendered_width, row.rendered_height),
        encoding=Encoding(**row.encoding),
        job_id=row.drawn_by,
        likes=liked,
        caption=Caption(**said, tags=tags, variables=row.variables or {}, keep=keep),
    )
