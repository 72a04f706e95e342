"""Likes are counted: one an account, of images that it may see, and taken back."""

from tests.server.gallery import IMAGES, ids, upload
from tests.server.serving import Serve, Served, newcomer


def test_an_account_likes_an_image_once_and_takes_it_back(shared: Served) -> None:
    image = upload(shared)
    like = f"{IMAGES}/{image['id']}/like"
    assert image["likes"] == 0
    assert [shared.client.put(like).json() for _ in range(2)] == [{"likes": 1}] * 2
    assert shared.client.get(f"{IMAGES}/{image['id']}").json()["likes"] == 1
    assert [shared.client.delete(like).json() for _ in range(2)] == [{"likes": 0}] * 2


def test_others_like_what_is_open_and_nothing_else(serve: Serve) -> None:
    served = serve(public_gallery=True)
    somebody = newcomer(served)
    image, secret = upload(served, public=True), upload(served)
    served.client.put(f"{IMAGES}/{image['id']}/like").raise_for_status()
    assert served.client.put(f"{IMAGES}/{image['id']}/like", headers=somebody).json() == {"likes": 2}
    hidden = served.client.put(f"{IMAGES}/{secret['id']}/like", headers=somebody)
    assert (hidden.status_code, hidden.json()["error"]["code"]) == (404, "image_unknown")


def test_while_the_open_gallery_is_closed_others_like_nothing(serve: Serve) -> None:
    served = serve()
    image = upload(served, public=True)
    assert served.client.put(f"{IMAGES}/{image['id']}/like", headers=newcomer(served)).status_code == 404


def test_who_is_liked_most_comes_first_page_by_page(serve: Serve) -> None:
    served = serve(public_gallery=True)
    images = [upload(served, public=True)["id"] for _ in range(3)]
    for headers, liked in ((None, images[1:]), (newcomer(served), images[2:])):
        for image in liked:
            served.client.put(f"{IMAGES}/{image}/like", headers=headers).raise_for_status()
    found, cursor = [], ""
    while cursor is not None:
        page = served.client.get(IMAGES, params={"sort": "likes", "limit": 1, **({"cursor": cursor} if cursor else {})})
        found += ids(page)
        cursor = page.json()["next"]
    assert found == images[::-1]


def test_likes_go_with_their_account(serve: Serve) -> None:
    served = serve(public_gallery=True)
    image, somebody = upload(served, public=True), newcomer(served)
    served.client.put(f"{IMAGES}/{image['id']}/like", headers=somebody).raise_for_status()
    account = served.client.get("/darkroom/v1/account", headers=somebody).json()["id"]
    served.client.delete(f"/darkroom/v1/accounts/{account}").raise_for_status()
    assert served.client.get(f"{IMAGES}/{image['id']}").json()["likes"] == 0
