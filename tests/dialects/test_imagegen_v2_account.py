"""What /api/v2 tells of models, of who asks and of the gallery is what was measured, used and counted."""

from typing import Any

import httpx
import pytest
from pydantic import BaseModel

from pipelines.sampler_names import sampler_named
from server.dialects.imagegen_v2.gallery import NewCollection, NewItem
from server.dialects.imagegen_v2.integrations import Connection
from server.dialects.imagegen_v2.webhooks import Changed, New
from tests.server.gallery import drawn, upload
from tests.server.serving import Serve, Served, key_for, newcomer, until

JOBS = "/darkroom/v1/jobs"
ERROR = {"type", "code", "message", "details", "request_id", "documentation_url"}
STAR = {"task": "text_to_image", "prompt": "a red star", "width": 64, "height": 64, "steps": 2}


def models(served: Served, **headers: str) -> dict[str, dict[str, object]]:
    answer = served.client.get("/api/v2/models", headers=headers).raise_for_status()
    return {model["id"]: model for model in answer.json()["models"]}


def test_times_are_measured_and_null_before(serve: Serve) -> None:
    served = serve()
    assert models(served)["flat"]["performance"] == {"average_generation_time": None, "queue_time": 0.0}
    job = served.client.post(JOBS, json=STAR, headers={"Prefer": "wait=30"}).raise_for_status().json()
    told = models(served)["flat"]["performance"]
    assert told["average_generation_time"] == round(job["ended_at"] - job["started_at"], 3)  # type: ignore[index]


def test_who_waits_makes_the_queue_long(serve: Serve) -> None:
    served = serve(max_queue=50)
    served.client.post(JOBS, json=STAR, headers={"Prefer": "wait=30"}).raise_for_status()
    served.worker.hold()
    for _ in range(3):
        served.client.post(JOBS, json=STAR).raise_for_status()
    served.worker.await_running()
    until(lambda: models(served)["flat"]["performance"]["queue_time"] > 0)  # type: ignore[index]


def test_what_is_not_installed_is_listed_as_that_and_what_only_serves_others_not(shared: Served) -> None:
    found = models(shared)
    assert (found["flat"]["status"], found["absent"]["status"]) == ("active", "not_installed")
    assert found["enlarger"]["capabilities"] == ["upscaling"]
    assert "ink" not in found


def test_prices_are_those_that_are_charged(serve: Serve) -> None:
    served = serve(credit_usd=0.02)
    assert models(served)["flat"]["pricing"] == {"per_image": 0.02, "credits": 1}


def test_a_key_sees_the_models_that_it_may_use(shared: Served) -> None:
    key = key_for(shared, models=["enlarger"])
    assert set(models(shared, Authorization=f"Bearer {key}")) == {"enlarger"}
    answer = httpx.get(f"{shared.url}/api/v2/models/flat", headers={"X-API-Key": key})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "FORBIDDEN")


def test_every_scheduler_that_a_model_names_is_taken(shared: Served) -> None:
    told = shared.client.get("/api/v2/models/flat").json()["model"]["parameters"]
    assert {"DPMSolverMultistep", "DDIM", "K_EULER"} <= set(told["supported_schedulers"])
    assert len({sampler_named(name) for name in told["supported_schedulers"]}) == len(told["supported_schedulers"])
    assert told["inference_steps_range"] == {"min": 10, "max": 10, "default": 8}


def test_examples_are_what_their_owners_opened(serve: Serve) -> None:
    served = serve()
    drawn(served, caption={"public": True})
    drawn(served)
    (example,) = served.client.get("/api/v2/models/flat").json()["model"]["examples"]
    assert example["prompt"] == "a red star"
    assert httpx.get(example["image_url"]).headers["content-type"] == "image/png"
    stranger = served.client.get("/api/v2/models/flat", headers=newcomer(served)).json()["model"]
    assert stranger["examples"] == [], "there is no open gallery"


def test_the_profile_counts_what_was_drawn_spent_and_stored(serve: Serve) -> None:
    served = serve()
    somebody = newcomer(served)
    account = served.client.get("/darkroom/v1/account", headers=somebody).json()["id"]
    served.client.put(f"/darkroom/v1/accounts/{account}/quota", json={"credits": 10}).raise_for_status()
    limits = {"storage_limit": 10 * 2**20, "plan": "pro", "email": "ann@example.org"}
    served.client.patch(f"/darkroom/v1/accounts/{account}", json=limits).raise_for_status()
    chosen = {"default_model": "flat", "default_size": "64x64", "filter": True, "auto_save": True}
    served.client.patch("/darkroom/v1/account/preferences", json=chosen, headers=somebody).raise_for_status()
    served.client.post(JOBS, json=STAR | {"count": 3}, headers=somebody | {"Prefer": "wait=30"}).raise_for_status()
    told = served.client.get("/api/v2/user/profile", headers=somebody).json()["user"]
    assert (told["id"], told["email"]) == (f"user_{account.removeprefix('account_')}", "ann@example.org")
    assert told["subscription"]["plan"] == "pro"
    usage = told["usage"]
    assert (usage["images_generated_today"], usage["images_generated_month"]) == (3, 3)
    assert (usage["credits_remaining"], usage["storage_limit_mb"]) == (7, 10)
    stored = served.client.get("/darkroom/v1/storage", headers=somebody).json()["used_bytes"]
    assert usage["storage_used_mb"] == round(stored / 2**20, 3)
    assert told["preferences"] == {
        "default_model": "flat",
        "default_size": "64x64",
        "nsfw_filter": True,
        "auto_save_gallery": True,
    }
    gallery = served.client.get("/api/v2/gallery", headers=somebody).json()["gallery"]
    assert gallery["total_items"] == 3, "what is saved by itself is in the gallery"


def test_what_the_account_prefers_is_drawn_where_a_request_does_not_say(serve: Serve) -> None:
    served = serve()
    somebody = newcomer(served)
    chosen = {"default_model": "absent", "default_size": "64x96"}
    served.client.patch("/darkroom/v1/account/preferences", json=chosen, headers=somebody).raise_for_status()
    drawing = "/api/v2/generate/text-to-image"
    told = served.client.post(drawing, json={"prompt": "a red star"}, headers=somebody)
    assert (told.status_code, told.json()["error"]["code"]) == (503, "MODEL_NOT_AVAILABLE")
    asked = {"prompt": "a red star", "model": "flat"}
    (image,) = served.client.post(drawing, json=asked, headers=somebody).raise_for_status().json()["images"]
    assert (image["width"], image["height"]) == (64, 96)
    asked |= {"parameters": {"width": 128, "height": 128}}
    (image,) = served.client.post(drawing, json=asked, headers=somebody).raise_for_status().json()["images"]
    assert (image["width"], image["height"]) == (128, 128)


def test_likes_views_and_downloads_are_counted(serve: Serve) -> None:
    served = serve()
    image, other = upload(served, keep=True, title="Liked"), upload(served, keep=True)
    served.client.put(f"/darkroom/v1/images/{image['id']}/like").raise_for_status()
    first, second = served.client.get("/api/v2/gallery", params={"sort": "likes"}).json()["gallery"]["items"]
    assert (first["title"], first["interactions"]["likes"], second["interactions"]["likes"]) == ("Liked", 1, 0)
    assert (first["generation_id"], first["metadata"]["generation_time_seconds"]) == (None, None), "nobody drew it"
    httpx.get(first["url"]).raise_for_status()
    httpx.get(first["url"], params={"download": True}).raise_for_status()
    httpx.get(first["thumbnail_url"]).raise_for_status()
    told = served.client.get("/api/v2/gallery", params={"sort": "downloads", "limit": 1}).json()["gallery"]
    assert told["items"][0]["interactions"] == {"views": 1, "likes": 1, "downloads": 1}
    served.client.delete(f"/darkroom/v1/images/{other['id']}").raise_for_status()
    assert served.client.get("/api/v2/gallery").json()["gallery"]["total_items"] == 1


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"date_from": "{day}"}, 1),
        ({"date_to": "{day}"}, 1),
        ({"date_from": "{day}", "date_to": "{day}"}, 1),
        ({"date_to": "{day}T00:00:00Z"}, 0),
        ({"date_to": "0001-01-01"}, 0),
        ({"date_from": "0001-01-01", "date_to": "9999-12-31"}, 1),
        ({"date_from": "2024-01-01T00:00:00+02:00"}, 1),
    ],
)
def test_a_day_is_in_it_to_its_end(shared: Served, asked: dict[str, str], found: int) -> None:
    headers = newcomer(shared)
    body = STAR | {"caption": {"keep": True}}
    shared.client.post(JOBS, json=body, headers=headers | {"Prefer": "wait=30"}).raise_for_status()
    (item,) = shared.client.get("/api/v2/gallery", headers=headers).json()["gallery"]["items"]
    day = item["created_at"][:10]
    params = {name: value.replace("{day}", day) for name, value in asked.items()}
    answer = shared.client.get("/api/v2/gallery", params=params, headers=headers).raise_for_status()
    assert answer.json()["gallery"]["total_items"] == found


LEAST: dict[str, tuple[type[BaseModel], dict[str, Any]]] = {
    "/api/v2/gallery/items": (NewItem, {"image_id": "img_nothing"}),
    "/api/v2/collections": (NewCollection, {"name": "Mine"}),
    "/api/v2/webhooks": (New, {"url": "http://127.0.0.1:9/hook"}),
    "/api/v2/webhooks/nothing": (Changed, {}),
    "/api/v2/integrations/connect": (Connection, {"service": "dropbox", "auth_code": "x"}),
}
FIELDS = [(path, field) for path, (model, _) in LEAST.items() for field in model.model_fields]
MARK = "do not repeat me"
STRANGE = (None, {}, [], [MARK], {MARK: MARK}, True, -1, 2**80, 1.5, "", "\0", MARK * 1000, [[]], [None] * 50)


@pytest.mark.parametrize(("path", "field"), FIELDS)
def test_whatever_stands_in_a_field_is_taken_or_refused_in_the_document_s_words(
    shared: Served, path: str, field: str
) -> None:
    headers = newcomer(shared)
    for value in STRANGE:
        method = "PATCH" if path.endswith("nothing") else "POST"
        answer = shared.client.request(method, path, json=LEAST[path][1] | {field: value}, headers=headers)
        assert answer.status_code in (201, 400, 404), (value, answer.text)
        if answer.status_code != 201:
            error = answer.json()["error"]
            code = "INVALID_REQUEST" if answer.status_code == 400 else "NOT_FOUND"
            assert (error["code"], set(error)) == (code, ERROR), (value, error)
            assert MARK not in answer.text
        for hook in shared.client.get("/api/v2/webhooks", headers=headers).json()["webhooks"]:
            shared.client.delete(f"/api/v2/webhooks/{hook['id']}", headers=headers).raise_for_status()
