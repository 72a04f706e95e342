"""Presets of one's own: saved, found beside those of the files, filled in, written anew, removed."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from server.errors import EntryUnknown
from server.prompts.library import Library
from server.prompts.presets import Preset
from server.prompts.saved import Presets
from server.store.database import Database
from server.store.migrate import migrate
from server.store.tables import presets as table
from tests.server.serving import Served
from tests.server.store.conftest import empty, postgres_url

__all__ = ["empty", "postgres_url"]

API = "/darkroom/v1/presets"
POSTER: dict[str, Any] = {
    "name": "Poster",
    "description": "A poster of anything.",
    "prompt": "a poster of {{subject}}, {{size}} cm wide",
    "negative_prompt": "text",
    "requirements": {
        "subject": {"label": "What is on it"},
        "size": {"type": "number", "label": "Width", "default": 40, "min": 10, "max": 200},
        "logo": {"type": "file", "label": "A logo", "required": False},
    },
}


@pytest.fixture
def presets(empty: Database, tmp_path: Path) -> Presets:
    migrate(empty)
    return Presets(empty, Library(tmp_path))


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.anyio
async def test_a_preset_is_its_account_s_alone(presets: Presets) -> None:
    poster = Preset.model_validate(POSTER)
    saved = await presets.save("ann", poster)
    assert (await presets.find("ann", saved.id)) == saved
    assert saved in await presets.all("ann")
    assert saved not in await presets.all("bob")
    for attempt in (
        presets.find("bob", saved.id),
        presets.remove("bob", saved.id),
        presets.replace("bob", saved.id, poster),
        presets.remove("ann", "product_shot"),
    ):
        with pytest.raises(EntryUnknown):
            await attempt
    changed = poster.model_copy(update={"name": "Sheet"})
    assert (await presets.replace("ann", saved.id, changed)).preset.name == "Sheet"
    assert (await presets.find("ann", saved.id)).preset == changed
    await presets.remove("ann", saved.id)
    with pytest.raises(EntryUnknown):
        await presets.find("ann", saved.id)


@pytest.mark.anyio
async def test_one_that_cannot_be_read_any_more_does_not_hide_the_others(presets: Presets, empty: Database) -> None:
    first, second = [await presets.save("ann", Preset.model_validate(POSTER)) for _ in range(2)]
    with empty.begin() as connection:
        connection.execute(update(table).where(table.c.id == first.id).values(content={"from": "the future"}))
    assert [saved.id for saved in await presets.all("ann") if saved.own] == [second.id]
    with pytest.raises(EntryUnknown):
        await presets.find("ann", first.id)


def test_a_preset_is_saved_rendered_and_removed_over_http(shared: Served) -> None:
    made = shared.client.post(API, json=POSTER)
    assert made.status_code == 201
    here = f"{API}/{made.json()['id']}"
    assert shared.client.get(here).json() == made.json()
    assert made.json()["own"] is True
    values = {"variables": {"subject": "the {{sea}}", "size": 60}, "files": {"logo": 1}, "prompt": "at dusk"}
    assert shared.client.post(f"{here}/render", json=values).json() == {
        "prompt": "a poster of the {{sea}}, 60 cm wide, at dusk",
        "negative_prompt": "text",
        "files": ["logo"],
    }
    assert shared.client.put(here, json=POSTER | {"name": "Sheet"}).json()["name"] == "Sheet"
    assert shared.client.delete(here).status_code == 204
    assert shared.client.get(here).json()["error"]["code"] == "entry_unknown"


def test_those_of_the_files_are_rendered_too_and_cannot_be_changed(shared: Served) -> None:
    listed = {preset["id"]: preset for preset in shared.client.get(API).json()["presets"]}
    assert listed["product_shot"]["own"] is False
    needed = listed["product_shot"]["requirements"]
    values = {
        name: needed[name]["default"] or (needed[name]["options"] or ["a shoe"])[0]
        for name in needed
        if needed[name]["type"] != "file"
    }
    answer = shared.client.post(f"{API}/product_shot/render", json={"variables": values})
    assert answer.status_code == 200, answer.text
    assert "{{" not in answer.json()["prompt"]
    assert shared.client.delete(f"{API}/product_shot").status_code == 404


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"prompt": "a {{thing}}"}, None),
        ({"requirements": {"subject": {"label": "x", "type": "choice"}}}, "requirements"),
        ({"requirements": {"Not An Id": {"label": "x"}}}, "requirements"),
        ({"style": "no_such_style"}, "style"),
        ({"name": ""}, "name"),
        ({"extra": 1}, None),
    ],
)
def test_a_preset_that_could_not_be_filled_in_is_not_saved(
    shared: Served, wrong: dict[str, Any], field: str | None
) -> None:
    answer = shared.client.post(API, json=POSTER | wrong)
    assert answer.status_code in (400, 404)
    assert answer.json()["error"].get("field") == field


@pytest.mark.parametrize(
    "values", [{}, {"subject": "x", "size": 5}, {"subject": "x", "size": "wide"}, {"subject": "x", "other": "y"}]
)
def test_values_that_do_not_fit_are_refused(shared: Served, values: dict[str, Any]) -> None:
    made = shared.client.post(API, json=POSTER).json()
    answer = shared.client.post(f"{API}/{made['id']}/render", json={"variables": values})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "variable_wrong")
