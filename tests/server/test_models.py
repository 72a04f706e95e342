"""Models, as the catalogue has them and as the worker tells of them; and what is possible, as the planning sees it."""

from dataclasses import replace
from typing import Any

import pytest

from server.bodies.kinds import KINDS
from tests.server.serving import Serve, Served

MODELS = "/darkroom/v1/models"


def model(served: Served, name: str) -> dict[str, Any]:
    found: dict[str, Any] = served.client.get(f"{MODELS}/{name}").raise_for_status().json()
    return found


def test_each_model_says_whether_it_is_there_and_loaded(shared: Served) -> None:
    states = {each["id"]: each["state"] for each in shared.client.get(MODELS).json()["models"]}
    assert (states["flat"], states["ink"], states["absent"]) == ("loaded", "installed", "not_installed")
    assert model(shared, "flat") == next(
        each for each in shared.client.get(MODELS).json()["models"] if each["id"] == "flat"
    )


def test_what_is_being_loaded_and_what_could_not_be_is_told(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    served = serve()
    health = replace(
        served.worker.health(), loaded_models=(), loading=("flat",), not_loaded=(("ink", "out_of_memory", "No."),)
    )
    monkeypatch.setattr(served.worker, "health", lambda: health)
    assert (model(served, "flat")["state"], model(served, "flat")["load_error"]) == ("loading", None)
    assert model(served, "ink")["load_error"] == {"code": "out_of_memory", "message": "No."}


def test_a_wish_goes_to_the_worker(serve: Serve) -> None:
    served = serve()
    answers = [served.client.post(f"{MODELS}/flat/{wish}") for wish in ("load", "unload")]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert served.worker.wishes == [("flat", True), ("flat", False)]


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("nothing/load", 404, "model_unknown"),
        ("nothing/unload", 404, "model_unknown"),
        ("absent/load", 503, "model_not_installed"),
        ("ink/load", 400, "not_offered"),
        ("ink/unload", 400, "not_offered"),
    ],
)
def test_a_wish_that_nobody_can_grant_is_refused(shared: Served, path: str, status: int, code: str) -> None:
    answer = shared.client.post(f"{MODELS}/{path}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert shared.worker.wishes == []


def test_capabilities_say_what_is_possible_with_the_models_that_are_there(shared: Served) -> None:
    told = shared.client.get("/darkroom/v1/capabilities").raise_for_status().json()
    tasks = {task["name"]: task for task in told["tasks"]}
    assert set(tasks) == set(KINDS)
    assert tasks["text_to_image"] == {
        "name": "text_to_image", "possible": True, "hindrance": None, "models": ["flat"],
    }  # fmt: skip
    assert (tasks["crop"]["possible"], tasks["crop"]["models"]) == (True, [])
    impossible = {name for name, task in tasks.items() if not task["possible"]}
    assert impossible == {"search_and_recolor", "search_and_replace", "restore_faces"}, "it needs what is not installed"
    assert all(tasks[name]["hindrance"] for name in impossible)
    assert [each["id"] for each in told["models"]] == ["flat", "ink", "lines", "looks"]
    assert told["formats"]["written"] == ["png", "jpeg", "webp"]
    assert told["limits"]["queued_jobs"] == 64
