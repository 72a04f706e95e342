"""The rows of the gallery: what lists find and in which order, names that are one image's alone, what is purged."""

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import delete, text

from pipelines.engine.protocol import Terms
from server.errors import AliasTaken, CollectionUnknown
from server.store import collections, gallery, images, jobs, tables, thumbnails
from server.store.collections import Collection
from server.store.database import Database
from server.store.gallery import ORDERS, Place, Sort, Wanted
from server.store.migrate import MIGRATIONS, migrate
from server.store.words import Caption, Encoding, Image, Job

NOW = 1000.0
IMAGE = Image("image", "ann", Encoding(), 8, 8, (8, 8), 7, "flat", "0" * 64, created=3.0, expires=2000.0, size=100)
OLD_IMAGE = """
INSERT INTO images
    (id, number, account, blob, encoding, width, height, rendered_width, rendered_height, created, expires)
VALUES ('old', 0, 'ann', 'b', '{}', 8, 8, 8, 8, 1, 2000)
"""
SEA = Caption(asked="the sea", preset="p", preset_name="Shores", variables={"when": "dusk"}, title="Dusk")
STAR = Caption(title="50% off_now", description="Shiny", tags=("sky", "night"), public=True, keep=True)


class Rows:
    """The store's steps, each in a transaction of its own."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def add(self, *added: Image) -> None:
        with self.database.begin() as connection:
            images.add(connection, None, added)

    def get(self, image_id: str, *, with_deleted: bool = False) -> Image | None:
        with self.database.look() as connection:
            return images.get(connection, image_id, NOW, with_deleted=with_deleted)

    def names(self, sort: Sort = "newest", account: str | None = "ann", **wanted: Any) -> list[str]:
        with self.database.look() as connection:
            asked = Wanted(account, **wanted)
            found = gallery.page(connection, asked, NOW, sort, 100, after=None, skip=0)
            assert gallery.total(connection, asked, NOW) == len(found)
        return [image.id for image in found]

    def page(
        self, sort: Sort, most: int, after: Place | None = None, skip: int = 0, *, reverse: bool = False
    ) -> list[Image]:
        with self.database.look() as connection:
            return gallery.page(connection, Wanted("ann"), NOW, sort, most, after=after, skip=skip, reverse=reverse)

    def like(self, image_id: str, account: str) -> None:
        with self.database.begin() as connection:
            gallery.like(connection, image_id, account)

    def change(self, image_id: str, tags: Sequence[str] | None = None, **values: Any) -> None:
        with self.database.begin() as connection:
            gallery.change(connection, image_id, values, tags)

    def delete(self, image_id: str) -> None:
        with self.database.begin() as connection:
            images.remove(connection, image_id, NOW)

    def collection(self, name: str, account: str = "ann", public: bool = False) -> Collection:
        with self.database.begin() as connection:
            made = collections.put(connection, account, name, "", public, None, NOW)
            return collections.get(connection, account, made, NOW)

    def sort_into(self, image_id: str, *names: str, account: str = "ann") -> None:
        with self.database.begin() as connection:
            collections.sort_into(connection, account, image_id, names, NOW)


@pytest.fixture
def rows(database: Database) -> Rows:
    rows = Rows(database)
    rows.add(
        replace(IMAGE, id="sea", prompt="Waves, foam", kind="text_to_image", caption=SEA, created=1.0, seconds=1.5),
        replace(IMAGE, id="star", model="other", caption=STAR, expires=math.inf, created=2.0, kind="upload"),
        replace(IMAGE, id="over", created=3.0, expires=900.0),
        replace(IMAGE, id="of bob", account="bob", created=4.0, caption=Caption(public=True)),
    )
    return rows


def test_an_image_comes_back_as_it_was_added(rows: Rows) -> None:
    image = replace(IMAGE, id="x", job_id="job", prompt="a", seconds=0.5, caption=replace(SEA, tags=("a", "b")))
    rows.add(image)
    assert rows.get("x") == image
    star = rows.get("star")
    assert star is not None
    assert (star.is_kept, star.caption.tags, star.caption.public) == (True, ("night", "sky"), True)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, ["star", "sea"]),
        ({"deleted": True}, ["over", "star", "sea"]),
        ({"search": "WAVES"}, ["sea"]),
        ({"search": "the se"}, ["sea"]),
        ({"search": "shores"}, ["sea"]),
        ({"search": "shiny"}, ["star"]),
        ({"search": "nigh"}, ["star"]),
        ({"search": "50% off_"}, ["star"]),
        ({"search": "5_% off"}, []),
        ({"search": "%"}, ["star"]),
        ({"search": "\\"}, []),
        ({"tags": ["sky", "night"]}, ["star"]),
        ({"tags": ["sky", "day"]}, []),
        ({"model": "flat"}, ["sea"]),
        ({"kind": "upload"}, ["star"]),
        ({"preset": "p"}, ["sea"]),
        ({"public": True}, ["star"]),
        ({"public": False}, ["sea"]),
        ({"kept": True}, ["star"]),
        ({"kept": False}, ["sea"]),
        ({"since": 2.0}, ["star"]),
        ({"until": 2.0}, ["sea"]),
        ({"account": None, "public": True}, ["of bob", "star"]),
    ],
    ids=str,
)
def test_a_list_has_what_was_asked_for(rows: Rows, wanted: dict[str, Any], found: list[str]) -> None:
    assert rows.names(**wanted) == found


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("newest", "edcba"),
        ("oldest", "abcde"),
        ("views", "ebdca"),
        ("downloads", "edcba"),
        ("likes", "caedb"),
        ("title", "ceadb"),
    ],
)
def test_pages_of_every_order_hold_each_image_once(database: Database, sort: Sort, order: str) -> None:
    rows, titles, views = Rows(database), {"a": "M", "b": "Z", "c": "A", "d": "M", "e": "A"}, {"b": 5, "e": 5}
    for number, name in enumerate("abcde"):
        rows.add(replace(IMAGE, id=name, created=float(number), caption=Caption(title=titles[name])))
        rows.change(name, views=views.get(name, 0))
    for name, account in ("a", "ann"), ("c", "ann"), ("c", "bob"):
        rows.like(name, account)
    found: list[Image] = []
    while page := rows.page(sort, 2, (ORDERS[sort].of(found[-1]), found[-1].id) if found else None):
        found += page
    assert "".join(image.id for image in found) == order
    assert "".join(image.id for image in rows.page(sort, 2, skip=2)) == order[2:4]
    assert "".join(image.id for image in rows.page(sort, 5, reverse=True)) == order[::-1]


def test_an_alias_is_one_image_s_alone_within_its_account(rows: Rows) -> None:
    rows.change("sea", alias="hero")
    with pytest.raises(AliasTaken):
        rows.change("star", alias="hero")
    rows.change("of bob", alias="hero")
    rows.delete("sea")
    rows.change("star", alias="hero")
    with rows.database.look() as connection:
        named = images.get_named(connection, "ann", "hero", NOW)
    assert named is not None
    assert named.id == "star", "what is deleted gives its name up when another one wants it"


def test_of_many_who_want_one_alias_at_once_one_gets_it(rows: Rows) -> None:
    def wants(image_id: str) -> bool:
        try:
            rows.change(image_id, alias="hero")
        except AliasTaken:
            return False
        return True

    names = [f"n{number}" for number in range(12)]
    rows.add(*(replace(IMAGE, id=name) for name in names))
    with ThreadPoolExecutor(6) as threads:
        assert list(threads.map(wants, names)).count(True) == 1


def test_of_many_uploads_at_once_no_more_fit_than_the_account_may_have(rows: Rows) -> None:
    def adds(number: int) -> bool:
        with rows.database.begin() as connection:
            return images.add_within(connection, replace(IMAGE, id=f"n{number}"), 550, NOW)

    with ThreadPoolExecutor(6) as threads:
        added = list(threads.map(adds, range(12)))
    assert added.count(True) == 3, "two images were there, and what is over does not count"
    with rows.database.look() as connection:
        assert images.bytes_of(connection, "ann", NOW) == 500


def test_no_view_of_many_at_once_is_lost(rows: Rows) -> None:
    def view(number: int) -> None:
        with rows.database.begin() as connection:
            images.count(connection, "sea", "views" if number % 2 else "downloads")

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(view, range(40)))
    sea = rows.get("sea")
    assert sea is not None
    assert (sea.views, sea.downloads) == (20, 20)


@pytest.mark.parametrize(("image_id", "expires"), [("over", 1500.0), ("sea", 2000.0), ("star", math.inf)])
def test_what_is_restored_is_found_again_and_ends_no_sooner(rows: Rows, image_id: str, expires: float) -> None:
    rows.delete(image_id)
    assert rows.get(image_id) is None
    assert rows.get(image_id, with_deleted=True) is not None
    with rows.database.begin() as connection:
        images.restore(connection, image_id, 1500.0)
    restored = rows.get(image_id)
    assert restored is not None
    assert (restored.expires, restored.deleted) == (expires, None)


def test_slugs_are_unique_among_all_and_names_find_their_own(rows: Rows) -> None:
    first, second = rows.collection("My Häuser!"), rows.collection("my hauser", account="bob")
    assert first.slug == "my-hauser"
    assert second.slug.startswith("my-hauser-")
    assert rows.collection("☆").slug == "collection"
    with rows.database.look() as connection, pytest.raises(CollectionUnknown):
        collections.get(connection, "bob", "my-hauser", NOW)
    with rows.database.begin() as connection:
        for name in ("my-hauser", "My Häuser!", first.id):
            assert collections.find_or_put(connection, "ann", name, NOW) == first.id
        assert collections.find_or_put(connection, "bob", "My Häuser!", NOW) not in (first.id, second.id)


def test_a_collection_holds_an_image_once_and_counts_those_that_are_there(rows: Rows) -> None:
    shore = rows.collection("Shore", public=True)
    for name in ("sea", "star", "over"):
        rows.sort_into(name, "shore", shore.id)
    assert rows.names(collection=shore.id) == ["star", "sea"]
    with rows.database.look() as connection:
        assert collections.get(connection, "ann", "shore", NOW).count == 2
        assert collections.get_public(connection, "shore", NOW).count == 1, "of the open ones"
        assert collections.of_images(connection, ["sea", "of bob"]) == {"sea": ["shore"]}
    with pytest.raises(CollectionUnknown):
        rows.sort_into("sea", "nowhere")
    rows.sort_into("sea")
    assert rows.names(collection=shore.id) == ["star"]


def test_what_hangs_on_a_row_goes_with_it(rows: Rows) -> None:
    shore = rows.collection("Shore")
    rows.sort_into("star", "shore")
    with rows.database.begin() as connection:
        collections.change(connection, shore.id, {"cover": "star"})
        thumbnails.put(connection, "0" * 64, 320, "1" * 64)
        assert images.needed(connection, ["1" * 64]) == {"1" * 64}
        for name in ("sea", "star", "over", "of bob"):
            images.remove_for_good(connection, name)
        images.purge(connection, NOW)
        assert collections.get(connection, "ann", "shore", NOW) == replace(shore, cover=None, count=0)
        assert images.needed(connection, ["1" * 64]) == set()


def test_of_a_job_s_images_those_with_a_name_outlive_it(rows: Rows) -> None:
    job = Job("job", "flat", Encoding(), Terms("ann"), created=1.0, caption=SEA)
    drawn = [
        replace(IMAGE, id=name, job_id="job", created=9.0, alias=alias) for name, alias in (("a", None), ("b", "b"))
    ]
    with rows.database.begin() as connection:
        jobs.put(connection, job, "{}", None, 10)
        images.add(connection, "job", drawn)
        assert jobs.get(connection, "job") == replace(job, images=tuple(drawn), place=1)
        images.remove_of_job_for_good(connection, "job")
        connection.execute(delete(tables.jobs))
    assert rows.names() == ["b", "star", "sea"]
    assert rows.get("b") == drawn[1], "it still says which job drew it"


def test_images_of_an_older_version_are_still_there(empty: Database) -> None:
    """As migration 0001 left them."""
    config = Config()
    config.set_main_option("script_location", MIGRATIONS)
    config.set_main_option("path_separator", "os")
    with empty.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.execute(text(OLD_IMAGE))
    migrate(empty)
    image = Rows(empty).get("old")
    assert image is not None
    assert (image.size, image.kind, image.caption, image.views) == (None, "", Caption(), 0)
