"""Credits: what a picture costs, what an account has left, and that whoever has too few is told before anything."""

import base64
import io
from typing import Any

import pytest
from PIL import Image

from pipelines.catalog import Catalog
from pipelines.planning import describe, filters, text_to_image, upscale
from pipelines.tasks import Raster
from server.credits.prices import credits, price_of, resolution_of, units
from tests.over_http import JOBS
from tests.server.serving import Serve, Served, small_catalog, until

STAR = {"task": "text_to_image", "prompt": "a red star", "seed": 3}
USAGE, ESTIMATE = "/darkroom/v1/usage", "/darkroom/v1/estimate"
GRANTS, QUOTA = "/darkroom/v1/accounts/admin/grants", "/darkroom/v1/accounts/admin/quota"
NOTHING = {"granted": 0, "spent": 0, "reserved": 0, "balance": 0, "quota": None, "left": None}


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    return small_catalog(tmp_path_factory.mktemp("catalog"))


def has(served: Served) -> dict[str, Any]:
    """What the account has now."""
    told = served.client.get(USAGE).raise_for_status().json()
    return {name: told[name] for name in NOTHING}


@pytest.mark.parametrize(
    ("size", "word"),
    [
        ((128, 128), "low"),
        ((512, 768), "low"),
        ((1200, 628), "standard"),
        ((1024, 1024), "standard"),
        ((1792, 1024), "standard"),
        ((2048, 2048), "high"),
        ((4096, 4096), "4k"),
        ((8192, 8), "low"),
    ],
)
def test_the_number_of_pixels_says_which_resolution_it_is(size: tuple[int, int], word: str) -> None:
    assert resolution_of(*size) == word


def test_each_model_that_works_on_a_picture_is_paid_and_what_none_works_on_is_free(catalog: Catalog) -> None:
    image = Raster(64, 64, bytes(64 * 64 * 3))
    star = text_to_image(catalog, prompt="a red star", count=3)
    enlarged = upscale(catalog, image=image, mode="fast", factor=2)
    drawn_over = upscale(catalog, image=image, mode="creative", factor=2, prompt="a star")
    assert price_of(catalog, star) == 3000
    assert price_of(catalog, star, "4k") == 12000
    assert price_of(catalog, enlarged) == price_of(catalog, describe(catalog, image=image)) == 0
    assert price_of(catalog, filters(catalog, image=image, filters=[("sepia", {})])) == 0
    assert price_of(catalog, drawn_over) == 1000


@pytest.mark.parametrize("amount", [0, 1, 2.5, 0.001, -3.25])
def test_credits_are_whole_thousandths(amount: float) -> None:
    assert credits(units(amount)) == amount
    assert isinstance(units(amount), int)


def test_nothing_is_granted_and_nothing_is_limited_at_first(serve: Serve) -> None:
    assert has(serve()) == NOTHING


def test_a_job_reserves_its_price_and_is_charged_when_it_succeeds(serve: Serve) -> None:
    served = serve()
    assert served.client.post(GRANTS, json={"credits": 10.5}).status_code == 201
    served.worker.hold()
    location = served.client.post(JOBS, json=STAR | {"count": 2}).headers["location"]
    assert has(served) == NOTHING | {"granted": 10.5, "reserved": 2, "balance": 8.5}
    served.worker.let_go()
    until(lambda: served.client.get(location).json()["state"] == "succeeded")
    assert has(served) == NOTHING | {"granted": 10.5, "spent": 2, "balance": 8.5}
    told = served.client.get(USAGE).json()
    used = {"requests": 1, "pictures": 2, "credits": 2}
    assert told["used"] == used
    assert [day | {"day": "?"} for day in told["by_day"]] == [{"day": "?", **used}]
    assert told["by_model"] == [{"model": "flat", **used}]


def test_a_job_that_fails_or_is_cancelled_is_refunded(serve: Serve) -> None:
    served = serve()
    served.worker.failing = "drawing_failed", "Sorry."
    served.client.post(JOBS, json=STAR, headers={"Prefer": "wait=30"}).raise_for_status()
    served.worker.hold()
    location = served.client.post(JOBS, json=STAR).headers["location"]
    served.client.delete(location).raise_for_status()
    until(lambda: served.client.get(location).json()["state"] == "cancelled")
    assert has(served) == NOTHING
    assert served.client.get(USAGE).json()["used"] == {"requests": 2, "pictures": 0, "credits": 0}


@pytest.mark.parametrize("address", [JOBS, "/v1/images/generations"])
def test_whoever_has_too_few_credits_is_told_so_before_anything_is_drawn(serve: Serve, address: str) -> None:
    served = serve()
    assert served.client.put(QUOTA, json={"credits": 1}).json()["left"] == 1
    served.client.post(GRANTS, json={"credits": 0.5}).raise_for_status()
    many, status = ({"count": 2}, 402) if address == JOBS else ({"n": 2}, 429)
    refused = served.client.post(address, json=STAR | many)
    assert refused.status_code == status
    assert refused.json()["error"]["code"] == {JOBS: "credits_short"}.get(address, "insufficient_quota")
    assert served.client.get(JOBS).json()["jobs"] == []
    served.client.post(address, json=STAR, headers={"Prefer": "wait=30"}).raise_for_status()
    assert served.client.post(address, json=STAR).status_code == status, "half a credit is left"
    assert served.client.put(QUOTA, json={"credits": None}).json()["left"] is None
    assert served.client.post(address, json=STAR).is_success


@pytest.mark.parametrize(
    ("address", "body"),
    [(GRANTS, {}), (GRANTS, {"credits": "7"}), (GRANTS, {"credits": 1e300}), (QUOTA, {"credits": -1}), (QUOTA, {})],
)
def test_what_is_no_amount_is_refused(shared: Served, address: str, body: dict[str, object]) -> None:
    answer = shared.client.request("PUT" if address == QUOTA else "POST", address, json=body)
    assert (answer.status_code, answer.json()["error"]["field"]) == (400, "credits")


def test_a_name_that_no_account_can_have_is_of_none(shared: Served) -> None:
    for name in ("%00", "a%20b", "x" * 129):
        answer = shared.client.post(f"/darkroom/v1/accounts/{name}/grants", json={"credits": 1})
        assert answer.status_code == 404


def test_an_estimate_is_what_the_job_then_costs_and_draws_nothing(serve: Serve) -> None:
    served = serve()
    asked = STAR | {"count": 3, "width": 256, "height": 128}
    told = served.client.post(ESTIMATE, json=asked).raise_for_status().json()
    assert told == {"credits": 3, "seconds": None, "model": "flat", "pictures": 3, "width": 256, "height": 128}
    assert (served.worker.tasks, has(served)) == ([], NOTHING)
    served.client.post(JOBS, json=asked, headers={"Prefer": "wait=30"}).raise_for_status()
    assert has(served)["spent"] == told["credits"]


def test_an_estimate_of_work_on_a_picture_has_the_picture_s_size(shared: Served) -> None:
    file = io.BytesIO()
    Image.new("RGB", (40, 30)).save(file, "PNG")
    picture = base64.b64encode(file.getvalue()).decode()
    body = {"task": "filter", "image": picture, "filters": [{"name": "sepia"}]}
    told = shared.client.post(ESTIMATE, json=body).raise_for_status().json()
    assert told == {"credits": 0, "seconds": None, "model": None, "pictures": 1, "width": 40, "height": 30}
