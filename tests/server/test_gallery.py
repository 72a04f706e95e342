"""The gallery over HTTP: what is said of images, how they are found, kept, collected, deleted and brought back."""

from typing import Any

import pytest

from server.bodies.job import PICTURE
from server.bodies.kinds import openapi
from server.bodies.stored import FIELDS
from server.errors import StorageLimitReached
from tests.server.gallery import API, IMAGES, drawn, ids, picture, upload
from tests.server.serving import Serve, Served, until


def at(image: dict[str, Any]) -> str:
    return f"{IMAGES}/{image['id']}"


def test_an_image_says_what_drew_it(shared: Served) -> None:
    image = drawn(shared, "a red star", caption={"title": "Star", "tags": ["Sky", "sky"], "public": True})
    told = shared.client.get(at(image)).json()
    assert (told["prompt"], told["kind"], told["model"], told["seed"]) == ("a red star", "text_to_image", "flat", 3)
    assert (told["title"], told["tags"], told["public"], told["kept"]) == ("Star", ["sky"], True, False)
    assert told["size_bytes"] == len(shared.client.get(told["file"]).content)
    assert told["job"].startswith("job_")
    assert told["seconds"] >= 0
    assert told["expires_at"] > told["created_at"]


def test_an_upload_is_an_image_of_one_s_own(shared: Served) -> None:
    image = upload(shared, title="Mine", tags=["b", "a"], keep=True, format="webp")
    assert (image["kind"], image["model"], image["seed"], image["media_type"]) == ("upload", None, None, "image/webp")
    assert (image["width"], image["title"], image["tags"], image["expires_at"]) == (64, "Mine", ["a", "b"], None)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"image": "no picture"}, "image"),
        ({"title": "two\nlines"}, "title"),
        ({"tags": ["  "]}, "tags"),
        ({"tags": ["x" * 65]}, "tags"),
        ({"tags": ["x"] * 33}, "tags"),
        ({"description": "a\0b"}, "description"),
        ({"format": "gif"}, "format"),
        ({"keep": "yes"}, "keep"),
    ],
)
def test_what_cannot_be_said_of_an_upload_is_refused_by_field(
    shared: Served, wrong: dict[str, Any], field: str
) -> None:
    answer = shared.client.post(IMAGES, json={"image": picture()} | wrong)
    assert (answer.status_code, answer.json()["error"]["field"]) == (400, field)


@pytest.mark.parametrize("name", ["id", "alias"])
def test_a_job_works_on_an_image_by_its_id_or_alias(serve: Serve, name: str) -> None:
    served = serve()
    image = upload(served)
    served.client.patch(at(image), json={"alias": "hero"}).raise_for_status()
    source = image["id"] if name == "id" else "@hero"
    said = {"task": "image_to_image", "image": source}
    result = drawn(served, "@hero waves", **said)
    assert served.worker.tasks[-1].image.pixels[:3] == bytes((0, 128, 128)), "teal"  # type: ignore[union-attr]
    told = served.client.get(at(result)).json()
    assert (told["parent"], told["prompt"]) == (image["id"], "@hero waves")


def test_a_job_does_not_work_on_an_image_that_is_not_there(shared: Served) -> None:
    body = {"task": "upscale", "image": "image_of_somebody_else"}
    answer = shared.client.post(f"{API}/jobs", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "image_unknown")


def test_what_a_job_on_a_named_image_costs_is_told_beforehand(shared: Served) -> None:
    asked = {"task": "image_to_image", "prompt": "a star", "image": upload(shared)["id"]}
    assert shared.client.post(f"{API}/estimate", json=asked).raise_for_status().json()["pictures"] == 1


def test_a_job_names_no_more_images_than_are_read_for_it(shared: Served) -> None:
    """A name is a few bytes, and what it stands for may be megabytes."""
    prompts = [{"images": [f"image_{number}" for number in range(17)]}]
    body = {"task": "text_to_image", "prompt": "a star", "image_prompts": prompts}
    answer = shared.client.post(f"{API}/jobs", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "body_invalid")
    assert "at most 16" in answer.text


def test_however_deep_a_job_is_nested_it_is_answered(shared: Served) -> None:
    deep: Any = "image_x"
    for _ in range(900):
        deep = {"image": deep}
    answer = shared.client.post(f"{API}/jobs", json={"task": "upscale", "image": deep})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "body_invalid")


def test_what_is_said_of_an_image_changes_and_the_rest_stays(shared: Served) -> None:
    image = upload(shared, title="Before", tags=["one"])
    changed = shared.client.patch(at(image), json={"title": "After", "public": True}).json()
    assert (changed["title"], changed["tags"], changed["public"], changed["kept"]) == ("After", ["one"], True, False)
    assert shared.client.patch(at(image), json={"tags": [], "keep": True}).json() == changed | {
        "tags": [], "kept": True, "expires_at": None,
    }  # fmt: skip
    assert shared.client.patch(at(image), json={"keep": False}).json()["expires_at"] > image["created_at"]


def test_an_alias_stands_wherever_an_id_does_and_keeps_the_image(shared: Served) -> None:
    image, other = upload(shared), upload(shared)
    told = shared.client.patch(at(image), json={"alias": "wherever"}).json()
    assert (told["alias"], told["kept"]) == ("wherever", True)
    assert shared.client.get(f"{IMAGES}/@wherever").json() == told
    assert shared.client.get(f"{IMAGES}/@wherever/file").status_code == 200
    taken = shared.client.patch(at(other), json={"alias": "wherever"})
    assert (taken.status_code, taken.json()["error"]["code"]) == (409, "alias_taken")
    assert shared.client.patch(at(image), json={"alias": ""}).json()["alias"] is None
    assert shared.client.patch(at(other), json={"alias": "wherever"}).status_code == 200


def test_lists_are_filtered_and_paged_both_ways(serve: Serve) -> None:
    served = serve()
    made = [upload(served, title=f"t{number}", tags=["even"] if number % 2 == 0 else []) for number in range(5)]
    newest = [image["id"] for image in reversed(made)]
    assert ids(served.client.get(IMAGES)) == newest
    assert ids(served.client.get(IMAGES, params={"tag": "EVEN", "sort": "oldest"})) == newest[::-2]
    assert ids(served.client.get(IMAGES, params={"search": "T3"})) == [made[3]["id"]]
    page = served.client.get(IMAGES, params={"page": 2, "limit": 2})
    assert ids(page) == newest[2:4]
    assert (page.json()["total"], page.json()["page"]) == (5, 2)
    found: list[str] = []
    asked: dict[str, Any] = {"sort": "title", "limit": 2}
    while asked.get("cursor", "") is not None:
        answer = served.client.get(IMAGES, params=asked)
        found += ids(answer)
        asked["cursor"] = answer.json()["next"]
    assert found == newest[::-1]


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"limit": 0}, "limit"), ({"page": 0}, "page"), ({"sort": "luck"}, "sort"), ({"since": "nan"}, "since"),
        ({"search": "\0"}, "search"), ({"tag": " "}, "tag"), ({"cursor": "none of ours"}, "cursor"),
        ({"cursor": "WyJpbWFnZXMgdGl0bGUiLDEsIngiXQ=="}, "cursor"), ({"cursor": "W10="}, "cursor"),
    ],
)  # fmt: skip
def test_what_a_list_cannot_be_asked_is_refused(shared: Served, asked: dict[str, Any], field: str) -> None:
    answer = shared.client.get(IMAGES, params=asked)
    assert answer.status_code == 400
    assert answer.json()["error"].get("field") in (field, None)


def test_a_cursor_of_one_order_is_none_of_another(shared: Served) -> None:
    upload(shared), upload(shared)
    cursor = shared.client.get(IMAGES, params={"limit": 1}).json()["next"]
    answer = shared.client.get(IMAGES, params={"limit": 1, "sort": "oldest", "cursor": cursor})
    assert answer.json()["error"]["field"] == "cursor"


def test_collections_hold_images_and_keep_them(shared: Served) -> None:
    image, other = upload(shared), upload(shared)
    made = shared.client.post(f"{API}/collections", json={"name": "My Shores", "cover": image["id"]})
    assert made.status_code == 201
    told = made.json()
    assert (told["slug"], told["image_count"], told["cover"], told["public"]) == ("my-shores", 0, image["id"], False)
    here = f"{API}/collections/my-shores"
    assert shared.client.put(f"{here}/images/{image['id']}").status_code == 204
    changed = shared.client.patch(at(other), json={"collections": ["my-shores"]}).json()
    assert (changed["collections"], changed["kept"]) == (["my-shores"], True)
    assert ids(shared.client.get(IMAGES, params={"collection": "my-shores"})) == [other["id"], image["id"]]
    assert shared.client.get(at(image)).json()["kept"] is True
    assert shared.client.delete(f"{here}/images/{other['id']}").status_code == 204
    renamed = shared.client.patch(here, json={"name": "Coast", "cover": "", "public": True}).json()
    assert renamed == told | {"name": "Coast", "cover": None, "public": True, "image_count": 1}
    assert told["id"] in [each["id"] for each in shared.client.get(f"{API}/collections").json()["collections"]]
    assert shared.client.delete(here).status_code == 204
    assert shared.client.get(here).json()["error"]["code"] == "collection_unknown"
    assert shared.client.get(at(image)).status_code == 200


@pytest.mark.parametrize("said", [{"collections": ["nowhere"]}, {"alias": "Not An Alias"}, {"collections": ["\0"]}])
def test_a_change_happens_as_a_whole_or_not_at_all(shared: Served, said: dict[str, Any]) -> None:
    image = upload(shared, title="Before")
    assert shared.client.patch(at(image), json={"title": "After"} | said).status_code in (400, 404)
    assert shared.client.get(at(image)).json()["title"] == "Before"


def test_what_was_deleted_is_listed_for_who_asks_and_comes_back(serve: Serve) -> None:
    served = serve()
    image = upload(served, title="Mine")
    assert served.client.delete(at(image)).status_code == 204
    assert served.client.get(at(image)).status_code == 404
    assert ids(served.client.get(IMAGES)) == []
    listed = served.client.get(IMAGES, params={"include_deleted": True})
    assert ids(listed) == [image["id"]]
    assert listed.json()["images"][0]["deleted_at"] > image["created_at"]
    back = served.client.post(f"{at(image)}/restore").json()
    assert (back["title"], back["deleted_at"]) == ("Mine", None)
    assert served.client.delete(at(image), params={"for_good": True}).status_code == 204
    assert ids(served.client.get(IMAGES, params={"include_deleted": True})) == []
    assert served.client.post(f"{at(image)}/restore").status_code == 404


def test_who_deleted_softly_may_still_delete_for_good(shared: Served) -> None:
    image = upload(shared)
    for asked, status in (({}, 204), ({}, 404), ({"for_good": "true"}, 204), ({"for_good": "true"}, 404)):
        assert shared.client.delete(at(image), params=asked).status_code == status


def test_an_account_s_limit_is_told_and_holds_for_uploads_jobs_and_what_comes_back(serve: Serve) -> None:
    served = serve()
    image = upload(served)

    async def limit_of(account: str) -> int | None:
        return int(image["size_bytes"]) + 1

    served.app.state.parts.images.limit_of = limit_of
    told = served.client.get(f"{API}/storage").json()
    assert told == {"images": 1, "used_bytes": image["size_bytes"], "limit_bytes": image["size_bytes"] + 1}
    full = served.client.post(IMAGES, json={"image": picture("red")})
    assert (full.status_code, full.json()["error"]["code"]) == (402, StorageLimitReached.code)
    other = drawn(served)
    refused = served.client.post(f"{API}/jobs", json={"task": "text_to_image", "prompt": "a red star"})
    assert refused.status_code == 402, "what was accepted is drawn, and then there is no room"
    for each in (image, other):
        served.client.delete(at(each))
    assert served.client.post(f"{at(other)}/restore").status_code == 200
    assert served.client.post(f"{at(image)}/restore").status_code == 402


def test_what_an_account_prefers_to_keep_is_kept_unless_a_job_says_otherwise(serve: Serve) -> None:
    served = serve()

    async def keeps_of(account: str) -> bool:
        return account == "admin"

    served.app.state.parts.images._keeps_of = keeps_of
    assert drawn(served)["kept"] is True
    assert drawn(served, caption={"keep": False})["kept"] is False


def test_what_is_kept_outlives_its_retention_and_its_job(serve: Serve) -> None:
    served = serve(image_ttl_seconds=0.2, purge_seconds=0)
    kept, other = drawn(served, caption={"keep": True}), drawn(served)
    until(lambda: served.client.get(f"{API}/jobs/{kept['job']}").status_code == 404)
    until(lambda: served.client.get(at(other)).status_code == 404)
    told = served.client.get(at(kept)).json()
    assert (told["job"], told["expires_at"]) == (kept["job"], None)
    assert served.client.get(kept["file"]).status_code == 200


def test_every_picture_of_a_job_may_be_named() -> None:
    """Whatever any kind of job describes as a picture is a field that `server/bodies/stored.py` looks at."""
    found: set[str] = set()

    def walk(value: Any, name: str) -> None:
        if isinstance(value, dict):
            if value.get("description") == PICTURE and value.get("type") == "string":
                found.add(name)
            for key, item in value.items():
                walk(item, key if key not in ("items", "anyOf", "oneOf") else name)
        elif isinstance(value, list):
            for item in value:
                walk(item, name)

    walk(openapi(), "")
    assert found
    assert found <= FIELDS
