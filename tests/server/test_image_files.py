"""Files over HTTP: whole or in ranges, known again, never run, counted once; thumbnails; signed addresses."""

import base64
import io
import stat
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from server.errors import ImageUnknown, LinkOver
from server.links import KEY_FILE, Links
from tests.server.gallery import IMAGES, upload
from tests.server.serving import Serve, Served


@pytest.fixture(scope="module")
def image(shared: Served) -> dict[str, Any]:
    return upload(shared)


def counts(served: Served, image: dict[str, Any]) -> tuple[int, int]:
    told = served.client.get(f"{IMAGES}/{image['id']}").json()
    return told["views"], told["downloads"]


def test_a_file_has_a_fixed_type_and_can_do_nothing_in_a_browser(shared: Served, image: dict[str, Any]) -> None:
    answer = shared.client.get(image["file"])
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]
    assert int(answer.headers["content-length"]) == len(answer.content) == image["size_bytes"]
    assert "content-disposition" not in answer.headers


def test_a_download_is_an_attachment_with_a_safe_name(shared: Served, image: dict[str, Any]) -> None:
    answer = shared.client.get(image["file"], params={"download": 1})
    assert answer.headers["content-disposition"] == f'attachment; filename="{image["id"]}.png"'


@pytest.mark.parametrize(
    ("asked", "first", "stop"),
    [("bytes=0-3", 0, 4), ("bytes=5-", 5, None), ("bytes=-7", -7, None), ("bytes=0-99999999", 0, None)],
)
def test_a_range_is_those_bytes(shared: Served, image: dict[str, Any], asked: str, first: int, stop: int) -> None:
    whole = shared.client.get(image["file"]).content
    answer = shared.client.get(image["file"], headers={"Range": asked})
    assert answer.status_code == 206
    assert answer.content == whole[first:stop]
    start = first % len(whole)
    assert answer.headers["content-range"] == f"bytes {start}-{start + len(answer.content) - 1}/{len(whole)}"


@pytest.mark.parametrize("asked", ["bytes=0-1,3-4", "bytes=4-2", "lines=1-2", "bytes=", "bytes=a-b", "bytes=-"])
def test_a_range_that_is_none_or_several_is_the_whole_file(shared: Served, image: dict[str, Any], asked: str) -> None:
    answer = shared.client.get(image["file"], headers={"Range": asked})
    assert (answer.status_code, len(answer.content)) == (200, image["size_bytes"])


@pytest.mark.parametrize("asked", ["bytes=99999999-", "bytes=-0"])
def test_a_range_past_the_end_is_refused_with_the_size(shared: Served, image: dict[str, Any], asked: str) -> None:
    answer = shared.client.get(image["file"], headers={"Range": asked})
    assert answer.status_code == 416
    assert answer.headers["content-range"] == f"bytes */{image['size_bytes']}"
    assert answer.json()["error"]["code"] == "range_beyond"


def test_a_range_of_another_version_is_the_whole_file(shared: Served, image: dict[str, Any]) -> None:
    tag = shared.client.get(image["file"]).headers["etag"]
    for known, status in ((tag, 206), ('"another"', 200)):
        headers = {"Range": "bytes=0-3", "If-Range": known}
        assert shared.client.get(image["file"], headers=headers).status_code == status


@pytest.mark.parametrize("kind", ["file", "thumbnail"])
def test_who_has_it_is_not_sent_it_again(shared: Served, image: dict[str, Any], kind: str) -> None:
    tag = shared.client.get(image[kind]).headers["etag"]
    for known in (tag, f'"x", W/{tag}', "*"):
        answer = shared.client.get(image[kind], headers={"If-None-Match": known})
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)
    assert shared.client.get(image[kind], headers={"If-None-Match": '"x"'}).status_code == 200


def test_head_tells_the_size_and_sends_nothing(shared: Served, image: dict[str, Any]) -> None:
    answer = shared.client.head(image["file"])
    assert (answer.status_code, answer.content) == (200, b"")
    assert int(answer.headers["content-length"]) == image["size_bytes"]


def test_a_view_is_a_get_that_is_answered_with_the_first_byte(shared: Served) -> None:
    image = upload(shared)
    tag = shared.client.get(image["file"]).headers["etag"]
    shared.client.get(image["file"], headers={"Range": "bytes=0-3"})
    assert counts(shared, image) == (2, 0)
    shared.client.head(image["file"])
    shared.client.get(image["file"], headers={"Range": "bytes=4-7"})
    shared.client.get(image["file"], headers={"If-None-Match": tag})
    shared.client.get(image["thumbnail"])
    assert counts(shared, image) == (2, 0), "none of these shows the picture for the first time"
    shared.client.get(image["file"], params={"download": "true"})
    assert counts(shared, image) == (2, 1)


@pytest.mark.parametrize(("size", "side"), [(None, 320), ("160", 160), ("640", 500)])
def test_a_thumbnail_is_a_small_webp_and_never_larger_than_the_image(
    shared: Served, size: str | None, side: int
) -> None:
    image = upload(shared, image=big_picture())
    answer = shared.client.get(image["thumbnail"], params={"size": size} if size else None)
    small = Image.open(io.BytesIO(answer.content))
    assert (answer.headers["content-type"], small.format, small.size) == ("image/webp", "WEBP", (side, side // 2))


def test_a_thumbnail_of_another_size_is_not_made(shared: Served, image: dict[str, Any]) -> None:
    assert shared.client.get(image["thumbnail"], params={"size": "5000"}).json()["error"]["field"] == "size"


def test_a_thumbnail_is_made_once(serve: Serve) -> None:
    served = serve()
    image = upload(served)
    before = files(served.data)
    first = served.client.get(image["thumbnail"]).content
    made = files(served.data) - before
    assert len(made) == 1
    assert served.client.get(image["thumbnail"]).content == first
    made.pop().unlink()
    assert served.client.get(image["thumbnail"]).content == first, "somebody removed the copy: it is made again"


def test_a_signed_address_needs_no_key_and_shows_one_image_until_its_time(shared: Served) -> None:
    image, other = upload(shared), upload(shared, image=big_picture())
    told = shared.client.post(f"{IMAGES}/{image['id']}/links", json={"seconds": 600}).json()
    assert httpx.get(told["url"]).content == shared.client.get(image["file"]).content
    changed = {
        "another image": told["url"].replace(image["id"], other["id"]),
        "another end": told["url"].replace(f"expires={told['expires_at']}", f"expires={told['expires_at'] + 1}"),
        "another signature": told["url"][:-1] + ("A" if told["url"][-1] != "A" else "B"),
    }
    for what, address in changed.items():
        answer = httpx.get(address)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "image_unknown"), what
    shared.client.delete(f"{IMAGES}/{image['id']}")
    assert httpx.get(told["url"]).status_code == 404


def test_a_signed_address_ends_with_its_image(serve: Serve) -> None:
    served = serve(image_ttl_seconds=100)
    image = upload(served)
    told = served.client.post(f"{IMAGES}/{image['id']}/links", json={"seconds": 5000}).json()
    assert told["expires_at"] == int(image["expires_at"])


@pytest.mark.parametrize("settings", [{"public_url": "https://img.example.org/ai"}, {"root_path": "/ai"}], ids=str)
def test_a_signed_address_begins_as_clients_see_us(serve: Serve, settings: dict[str, str]) -> None:
    served = serve(**settings)
    image = upload(served)
    url = served.client.post(f"{IMAGES}/{image['id']}/links", json={}).json()["url"]
    start = settings.get("public_url", f"{served.url}/ai")
    assert url.startswith(f"{start}/files/signed/")
    assert httpx.get(url.replace(start, served.url)).status_code == 200


def test_signatures_end_survive_a_restart_and_are_this_server_s_own(tmp_path: Path) -> None:
    now = [1000.0]
    links = Links(tmp_path, None, lambda: now[0])
    signature = links.sign("image_x", links.end_in(60, 9e9))
    assert stat.S_IMODE((tmp_path / KEY_FILE).stat().st_mode) == 0o600
    again = Links(tmp_path, None, lambda: now[0])
    again.check("image_x", 1060, signature)
    now[0] = 1060.0
    with pytest.raises(LinkOver):
        again.check("image_x", 1060, signature)
    with pytest.raises(ImageUnknown):
        Links(tmp_path, "another key that was set", lambda: 0.0).check("image_x", 1060, signature)


def test_an_address_whose_time_is_over_says_so(serve: Serve) -> None:
    served = serve(link_key="a key for signatures, long enough")
    image = upload(served)
    signature = Links(served.data, "a key for signatures, long enough").sign(image["id"], 1000)
    answer = httpx.get(f"{served.url}/files/signed/{image['id']}?expires=1000&signature={signature}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (410, "link_over")


def big_picture() -> str:
    """500 x 250."""
    file = io.BytesIO()
    Image.effect_noise((500, 250), 90).save(file, "JPEG")
    return base64.b64encode(file.getvalue()).decode()


def files(folder: Path) -> set[Path]:
    return set((folder / "blobs").glob("??/??/*"))


def test_who_has_a_public_link_has_the_thumbnail_too(shared: Served) -> None:
    asked = {"prompt": "a red star", "response_format": "url", "size": "64x64"}
    url = shared.client.post("/v1/images/generations", json=asked).json()["data"][0]["url"]
    small = httpx.get(f"{url}/thumbnail", params={"size": 160})
    assert small.headers["content-type"] == "image/webp"
    assert httpx.get(f"{shared.url}/files/nothing/thumbnail").status_code == 404
