"""The open gallery: closed unless both the operator and the owner opened it, and then without names."""

import httpx
import pytest

from tests.server.gallery import API, IMAGES, ids, upload
from tests.server.serving import Serve, Served


def opened(serve: Serve) -> Served:
    return serve(public_gallery=True)


@pytest.mark.parametrize(
    "path", ["", "/collections", "/collections/x", "/images/{id}", "/images/{id}/file", "/images/{id}/thumbnail"]
)
def test_nothing_is_open_unless_the_operator_opens_it(shared: Served, path: str) -> None:
    image = upload(shared, public=True)
    answer = httpx.get(f"{shared.url}/public{path.format(id=image['id'])}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "address_unknown")


def test_only_what_its_owner_opened_is_there_and_nobody_is_named(serve: Serve) -> None:
    served = opened(serve)
    image, secret = upload(served, public=True, title="Seen", tags=["sea"]), upload(served, title="Hidden")
    listed = httpx.get(f"{served.url}/public")
    assert ids(listed) == [image["id"]]
    told = listed.json()["images"][0]
    assert (told["title"], told["tags"]) == ("Seen", ["sea"])
    assert "admin" not in listed.text
    assert not {"account", "alias", "job", "parent"} & told.keys()
    for path in ("", "/file", "/thumbnail"):
        assert httpx.get(f"{served.url}/public/images/{image['id']}{path}").status_code == 200
        hidden = httpx.get(f"{served.url}/public/images/{secret['id']}{path}")
        assert (hidden.status_code, hidden.json()["error"]["code"]) == (404, "image_unknown")


def test_who_closes_or_deletes_an_image_takes_it_out(serve: Serve) -> None:
    served = opened(serve)
    closed, deleted = upload(served, public=True), upload(served, public=True)
    served.client.patch(f"{IMAGES}/{closed['id']}", json={"public": False}).raise_for_status()
    served.client.delete(f"{IMAGES}/{deleted['id']}")
    assert ids(httpx.get(f"{served.url}/public")) == []
    for image in (closed, deleted):
        assert httpx.get(f"{served.url}/public/images/{image['id']}/file").status_code == 404


def test_an_open_collection_shows_its_open_images(serve: Serve) -> None:
    served = opened(serve)
    image, secret = upload(served, public=True), upload(served)
    for name, public in (("Shores", True), ("Mine", False)):
        body = {"name": name, "public": public, "cover": secret["id"]}
        served.client.post(f"{API}/collections", json=body).raise_for_status()
        for each in (image, secret):
            served.client.put(f"{API}/collections/{name.lower()}/images/{each['id']}").raise_for_status()
    (told,) = httpx.get(f"{served.url}/public/collections").json()["collections"]
    assert (told["slug"], told["image_count"]) == ("shores", 1)
    shown = httpx.get(f"{served.url}/public/collections/shores")
    assert ids(shown) == [image["id"]]
    assert secret["id"] not in shown.text
    assert httpx.get(f"{served.url}/public/collections/mine").status_code == 404


def test_lists_are_searched_and_paged_and_take_nothing_that_is_the_owner_s(serve: Serve) -> None:
    served = opened(serve)
    first, second = upload(served, public=True, title="One"), upload(served, public=True, title="Two")
    upload(served, title="One too")
    asked = {"search": "one", "include_deleted": "true", "public": "false", "account": "admin"}
    assert ids(httpx.get(f"{served.url}/public", params=asked)) == [first["id"]]
    page = httpx.get(f"{served.url}/public", params={"limit": 1})
    assert ids(page) == [second["id"]]
    assert ids(httpx.get(f"{served.url}/public", params={"cursor": page.json()["next"]})) == [first["id"]]


def test_what_everybody_sees_is_counted_and_may_be_cached_for_a_while(serve: Serve) -> None:
    served = opened(serve)
    image = upload(served, public=True)
    answer = httpx.get(f"{served.url}/public/images/{image['id']}/file")
    assert answer.headers["cache-control"] == "public, max-age=60"
    httpx.get(f"{served.url}/public/images/{image['id']}/file", params={"download": 1})
    told = httpx.get(f"{served.url}/public/images/{image['id']}").json()
    assert (told["views"], told["downloads"]) == (1, 1)
