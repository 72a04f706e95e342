"""The rows of collections, and which images lie in which. Each function is a step of a transaction."""

import re
import secrets
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, func, insert, or_, select, update

from server.errors import CollectionUnknown
from server.store.database import one_at_a_time
from server.store.images import is_there
from server.store.tables import collected, collections, images

LOCK = 6  # of what images and collections are called, and where they lie
LONGEST_SLUG = 60


@dataclass(frozen=True, slots=True)
class Collection:
    """slug: its name in addresses, unique among all accounts. cover: the id of an image. count: of images there."""

    id: str
    account: str
    name: str
    slug: str
    description: str
    public: bool
    cover: str | None
    created: float
    count: int = 0


def put(
    connection: Connection, account: str, name: str, description: str, public: bool, cover: str | None, now: float
) -> str:
    """The id of a new collection. Where another one has the slug of this name, a few letters are added to it."""
    one_at_a_time(connection, LOCK)
    slug = slug_of(name)
    if connection.execute(select(collections.c.id).where(collections.c.slug == slug)).first() is not None:
        slug = f"{slug}-{secrets.token_hex(4)}"
    new_id = f"collection_{secrets.token_urlsafe(16)}"
    row = {"id": new_id, "account": account, "name": name, "slug": slug, "description": description}
    connection.execute(insert(collections), row | {"public": public, "cover": cover, "created": now})
    return new_id


def find_or_put(connection: Connection, account: str, name: str, now: float) -> str:
    """The id of the account's collection of this id, slug or name; of a new one of this name where there is none."""
    one_at_a_time(connection, LOCK)
    known = collections.c.id == name, collections.c.slug == name, collections.c.name == name
    found = (
        select(collections.c.id).where(collections.c.account == account, or_(*known)).order_by(collections.c.created)
    )
    first = connection.execute(found).scalars().first()
    return put(connection, account, name, "", False, None, now) if first is None else first


def slug_of(name: str) -> str:
    """Small letters, digits and dashes; letters without a plain form are left out."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain)[:LONGEST_SLUG].strip("-") or "collection"


def page(connection: Connection, account: str, now: float) -> list[Collection]:
    """All of an account, the newest first."""
    return _found(connection, collections.c.account == account, now)


def public_page(connection: Connection, now: float, most: int) -> list[Collection]:
    """The newest that their owners opened; of their images those count that are open too."""
    return _found(connection, collections.c.public, now, images.c.public, most=most)


def get(connection: Connection, account: str, name: str, now: float) -> Collection:
    """By its id or its slug. Raises CollectionUnknown."""
    mine = (collections.c.account == account) & ((collections.c.id == name) | (collections.c.slug == name))
    return _one(_found(connection, mine, now))


def get_public(connection: Connection, slug: str, now: float) -> Collection:
    """Raises CollectionUnknown, for one that is not open too."""
    return _one(_found(connection, (collections.c.slug == slug) & collections.c.public, now, images.c.public))


def change(connection: Connection, collection_id: str, values: Mapping[str, Any]) -> None:
    if values:
        connection.execute(update(collections).where(collections.c.id == collection_id).values(dict(values)))


def remove(connection: Connection, collection_id: str) -> None:
    """Its images stay."""
    connection.execute(delete(collections).where(collections.c.id == collection_id))


def take(connection: Connection, collection_id: str, image_id: str) -> None:
    """The image lies in the collection; once, however often it is put there."""
    one_at_a_time(connection, LOCK)
    let_go(connection, collection_id, image_id)
    connection.execute(insert(collected), {"collection_id": collection_id, "image_id": image_id})


def sort_into(connection: Connection, account: str, image_id: str, names: Sequence[str], now: float) -> None:
    """The image lies in these collections of the account, by id or slug, and in no other. Raises CollectionUnknown."""
    wanted = {get(connection, account, name, now).id for name in names}
    connection.execute(delete(collected).where(collected.c.image_id == image_id))
    for collection_id in wanted:
        take(connection, collection_id, image_id)


def let_go(connection: Connection, collection_id: str, image_id: str) -> None:
    this = collected.c.collection_id == collection_id, collected.c.image_id == image_id
    connection.execute(delete(collected).where(*this))


def of_images(connection: Connection, image_ids: Sequence[str]) -> dict[str, list[str]]:
    """The slugs of the collections that each lies in."""
    joined = select(collected.c.image_id, collections.c.slug).join_from(collected, collections)
    found: dict[str, list[str]] = {}
    for row in connection.execute(joined.where(collected.c.image_id.in_(image_ids)).order_by(collections.c.slug)):
        found.setdefault(row.image_id, []).append(row.slug)
    return found


def _found(
    connection: Connection,
    wanted: ColumnElement[bool],
    now: float,
    *of_images: ColumnElement[bool],
    most: int | None = None,
) -> list[Collection]:
    counted = (
        select(func.count())
        .select_from(collected)
        .join(images, images.c.id == collected.c.image_id)
        .where(collected.c.collection_id == collections.c.id, is_there(now), *of_images)
        .scalar_subquery()
    )
    chosen = select(collections, counted.label("count")).where(wanted)
    rows = connection.execute(chosen.order_by(collections.c.created.desc(), collections.c.id).limit(most))
    return [Collection(**row._asdict()) for row in rows]


def _one(found: list[Collection]) -> Collection:
    if not found:
        raise CollectionUnknown
    return found[0]
