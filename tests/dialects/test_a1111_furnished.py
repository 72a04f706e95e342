"""What drawings of the web UI's API take of other networks where these are installed; nothing is drawn."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from pipelines.tasks import SecondPass
from server.app import create_app
from server.settings import Settings
from tests.dialects.a1111 import IMG2IMG, TXT2IMG, answered, asked, encoded, info_of, tasks_of
from tests.dialects.furnished import furnished_catalog
from tests.server.serving import KEY, Served, key_for, running
from tests.server.worker import StepWorker

FACES = "gfpgan-1.4"
WHOLE = {"width": 128, "height": 128, "restore_faces": True}
HIRES = {"enable_hr": True, "hr_upscaler": "R-ESRGAN 4x+"}


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder, worker = tmp_path_factory.mktemp("furnished"), StepWorker()
    catalog = furnished_catalog(folder)
    (catalog.folder(catalog.get(FACES))).mkdir(parents=True, exist_ok=True)
    (catalog.folder(catalog.get(FACES)) / catalog.get(FACES).files[0].path).touch()
    app = create_app(Settings(data=folder, admin_key=KEY), catalog, worker)
    headers = {"Authorization": f"Bearer {KEY}"}
    with running(app) as url, httpx.Client(base_url=url, headers=headers, timeout=30, trust_env=False) as client:
        yield Served(url, client, worker, app, folder)


@pytest.mark.parametrize("path", [TXT2IMG, IMG2IMG])
def test_faces_are_restored_and_that_is_told(furnished: Served, path: str) -> None:
    (task,) = tasks_of(furnished, path, **WHOLE)
    assert task.face_restorer == FACES  # type: ignore[union-attr]
    told = info_of(answered(furnished, path, **WHOLE))
    assert (told["restore_faces"], told["face_restoration_model"]) == (True, FACES)
    assert f"Face restoration: {FACES}" in told["infotexts"][0]


@pytest.mark.parametrize(
    "fields",
    [
        {"mask": encoded(colour="white")},
        {"script_name": "sd upscale", "script_args": ["", 8, "Lanczos", 2.0]},
    ],
)
def test_where_only_a_part_is_drawn_or_tiles_they_are_not_and_that_is_named(
    furnished: Served, fields: dict[str, Any]
) -> None:
    answer = asked(furnished, IMG2IMG, **WHOLE, **fields)
    assert (answer.status_code, answer.headers["x-darkroom-ignored-fields"]) == (200, "restore_faces")


def test_a_network_enlarges_between_two_passes(furnished: Served) -> None:
    (task,) = tasks_of(furnished, **HIRES)
    assert task.first_pass.second == SecondPass(upscaler="real-esrgan-x4plus")  # type: ignore[union-attr]
    (text,) = info_of(answered(furnished, **HIRES))["infotexts"]
    assert "Hires upscaler: real-esrgan-x4plus" in text


@pytest.mark.parametrize("fields", [WHOLE, HIRES])
def test_a_key_for_the_model_alone_has_nothing_of_the_others(furnished: Served, fields: dict[str, Any]) -> None:
    key = {"Authorization": f"Bearer {key_for(furnished, models=['shapes-xl'])}"}
    refused = furnished.client.post(TXT2IMG, json={"prompt": "a star"} | fields, headers=key)
    assert refused.status_code == 403, refused.text
