"""Images as their owners sort them: lists, counts, changes. Each function is a step of a transaction."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from sqlalchemy import ColumnElement, Connection, delete, func, insert, or_, select, true, tuple_, update

from server.errors import AliasTaken
from server.store.collections import LOCK
from server.store.database import one_at_a_time
from server.store.images import is_there, whole
from server.store.tables import collected, image_tags, images, likes
from server.store.words import Image

SEARCHED = images.c.prompt, images.c.asked, images.c.preset_name, images.c.title, images.c.description

LIKES = select(func.count()).where(likes.c.image_id == images.c.id).correlate(images).scalar_subquery()

Sort = Literal["newest", "oldest", "views", "downloads", "likes", "title"]
Place = tuple[float | int | str, str]  # what a list is sorted by, and the id, of the last image of a page


class Order(NamedTuple):
    column: ColumnElement[Any]
    is_falling: bool
    of: Callable[[Image], float | int | str]


ORDERS: dict[Sort, Order] = {
    "newest": Order(images.c.created, True, lambda image: image.created),
    "oldest": Order(images.c.created, False, lambda image: image.created),
    "views": Order(images.c.views, True, lambda image: image.views),
    "downloads": Order(images.c.downloads, True, lambda image: image.downloads),
    "likes": Order(LIKES, True, lambda image: image.likes),
    "title": Order(images.c.title, False, lambda image: image.caption.title),
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which images; what is None or empty is not asked for. account: None is everybody.

    search: is in the prompt, as asked or as drawn, the title, the description, the preset's name or a tag, in small
    or capital letters. tags: it has all of them. collection: its id. since, until: when it was made. deleted: those
    that are deleted or over, and not purged yet, too.
    """

    account: str | None
    search: str = ""
    tags: Sequence[str] = ()
    collection: str | None = None
    model: str | None = None
    kind: str | None = None
    preset: str | None = None
    public: bool | None = None
    kept: bool | None = None
    since: float | None = None
    until: float | None = None
    deleted: bool = False


def page(
    connection: Connection,
    wanted: Wanted,
    now: float,
    sort: Sort,
    most: int,
    *,
    after: Place | None,
    skip: int,
    reverse: bool = False,
) -> list[Image]:
    """after: the place of the last image of the page before; skip: how many stand before the first one instead."""
    order = ORDERS[sort]
    is_falling = order.is_falling is not reverse
    chosen = select(images).where(*_conditions(wanted, now))
    if after is not None:
        place = tuple_(order.column, images.c.id)
        chosen = chosen.where(place < after if is_falling else place > after)
    by = [order.column, images.c.id]
    chosen = chosen.order_by(*(column.desc() if is_falling else column for column in by))
    return whole(connection, connection.execute(chosen.limit(most).offset(skip)).all())


def total(connection: Connection, wanted: Wanted, now: float) -> int:
    counted = select(func.count()).select_from(images).where(*_conditions(wanted, now))
    return connection.execute(counted).scalar_one()


def change(connection: Connection, image_id: str, values: Mapping[str, Any], tags: Sequence[str] | None) -> None:
    """values: of columns of the row. Raises AliasTaken, where another image of the account that is there has it."""
    one_at_a_time(connection, LOCK)
    if values.get("alias") is not None:
        _free(connection, image_id, values["alias"])
    if values:
        connection.execute(update(images).where(images.c.id == image_id).values(dict(values)))
    if tags is not None:
        connection.execute(delete(image_tags).where(image_tags.c.image_id == image_id))
        if tags:
            connection.execute(insert(image_tags), [{"image_id": image_id, "tag": tag} for tag in set(tags)])


def like(connection: Connection, image_id: str, account: str) -> None:
    """Once, however often it is said."""
    one_at_a_time(connection, LOCK)
    unlike(connection, image_id, account)
    connection.execute(insert(likes), {"image_id": image_id, "account": account})


def unlike(connection: Connection, image_id: str, account: str) -> None:
    connection.execute(delete(likes).where(likes.c.image_id == image_id, likes.c.account == account))


def _free(connection: Connection, image_id: str, alias: str) -> None:
    """Take the name away from an image that is deleted."""
    account = select(images.c.account).where(images.c.id == image_id).scalar_subquery()
    others = images.c.account == account, images.c.alias == alias, images.c.id != image_id
    connection.execute(update(images).where(*others, images.c.deleted.is_not(None)).values(alias=None))
    if connection.execute(select(images.c.id).where(*others)).first() is not None:
        raise AliasTaken


def _conditions(wanted: Wanted, now: float) -> list[ColumnElement[bool]]:
    return [
        true() if wanted.deleted else is_there(now),
        *(images.c[name] == value for name, value in _equal(wanted).items() if value is not None),
        *(_has_tag(images.c.id, tag) for tag in wanted.tags),
        *_ranges(wanted),
        *([_says(wanted.search)] if wanted.search else []),
        *([_lies_in(wanted.collection)] if wanted.collection else []),
    ]


def _equal(wanted: Wanted) -> dict[str, Any]:
    return {name: getattr(wanted, name) for name in ("account", "model", "kind", "preset", "public")}


def _ranges(wanted: Wanted) -> list[ColumnElement[bool]]:
    is_kept = images.c.expires == float("inf")
    return [
        *([images.c.created >= wanted.since] if wanted.since is not None else []),
        *([images.c.created < wanted.until] if wanted.until is not None else []),
        *([is_kept if wanted.kept else ~is_kept] if wanted.kept is not None else []),
    ]


def _says(words: str) -> ColumnElement[bool]:
    tagged = select(image_tags.c.image_id).where(image_tags.c.tag.icontains(words, autoescape=True))
    return or_(*(column.icontains(words, autoescape=True) for column in SEARCHED), images.c.id.in_(tagged))


def _has_tag(image_id: ColumnElement[str], tag: str) -> ColumnElement[bool]:
    return image_id.in_(select(image_tags.c.image_id).where(image_tags.c.tag == tag))


def _lies_in(collection_id: str) -> ColumnElement[bool]:
    return images.c.id.in_(select(collected.c.image_id).where(collected.c.collection_id == collection_id))
