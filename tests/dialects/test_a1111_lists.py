"""The lists, the options and the machine of the web UI's API, in the shapes that clients read; nothing is drawn."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from pipelines.tasks import ANNOTATORS
from server.app import create_app
from server.dialects.a1111.control import annotator_of
from server.dialects.a1111.naming import sampler_of
from server.settings import Settings
from tests.dialects.furnished import furnished_catalog
from tests.pipelines.test_dropins import VAE, put
from tests.server.serving import KEY, Served, key_for, newcomer, running
from tests.server.worker import StepWorker


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder, worker = tmp_path_factory.mktemp("a1111"), StepWorker()
    app = create_app(Settings(data=folder, admin_key=KEY), furnished_catalog(folder), worker)
    headers = {"Authorization": f"Bearer {KEY}"}
    with running(app) as url, httpx.Client(base_url=url, headers=headers, timeout=30, trust_env=False) as client:
        yield Served(url, client, worker, app, folder)


def told(served: Served, path: str, headers: dict[str, str] | None = None) -> Any:
    return served.client.get(path, headers=headers).raise_for_status().json()


NULL = type(None)
TEXT, NUMBER = (str, NULL), (int, float, NULL)
# What each entry of a list has, by the models of the web UI's own API.
SHAPES: dict[str, dict[str, Any]] = {
    "sd-models": {
        "title": str, "model_name": str, "hash": TEXT, "sha256": TEXT, "filename": str, "config": NULL,
    },
    "sd-vae": {"model_name": str, "filename": str},
    "samplers": {"name": str, "aliases": list, "options": dict},
    "schedulers": {"name": str, "label": str, "aliases": NULL, "default_rho": NUMBER, "need_inner_model": bool},
    "upscalers": {"name": str, "model_name": TEXT, "model_path": TEXT, "model_url": NULL, "scale": NUMBER},
    "latent-upscale-modes": {"name": str},
    "loras": {"name": str, "alias": str, "path": str, "metadata": dict},
    "hypernetworks": {"name": str, "path": str},
    "face-restorers": {"name": str, "cmd_dir": NULL},
    "realesrgan-models": {"name": str, "path": str, "scale": NUMBER},
    "prompt-styles": {"name": str, "prompt": str, "negative_prompt": str},
    "script-info": {"name": str, "is_alwayson": bool, "is_img2img": bool, "args": list},
}  # fmt: skip
EMPTY = {"latent-upscale-modes", "hypernetworks", "sd-vae"}


@pytest.mark.parametrize("name", SHAPES)
def test_a_list_has_the_shape_of_the_original(served: Served, name: str) -> None:
    entries = told(served, f"/sdapi/v1/{name}")
    assert isinstance(entries, list)
    assert (not entries) is (name in EMPTY)
    for entry in entries:
        assert entry.keys() == SHAPES[name].keys()
        for field, kind in SHAPES[name].items():
            assert isinstance(entry[field], kind), (field, entry)


@pytest.mark.parametrize(
    ("path", "shape"),
    [
        ("/sdapi/v1/embeddings", {"loaded": {}, "skipped": {}}),
        ("/controlnet/version", {"version": 3}),
        ("/controlnet/settings", {"control_net_unit_count": 4}),
    ],
)
def test_what_is_no_list_has_it_too(served: Served, path: str, shape: dict[str, Any]) -> None:
    assert told(served, path) == shape


def test_the_first_upscaler_is_none_as_sillytavern_expects(served: Served) -> None:
    names = [upscaler["name"] for upscaler in told(served, "/sdapi/v1/upscalers")]
    assert names == ["None", "Lanczos", "shapes-upscale", "R-ESRGAN 4x+"]


def test_every_module_that_is_listed_has_an_annotator(served: Served) -> None:
    for alias_names in ("false", "true"):
        for module in told(served, f"/controlnet/module_list?alias_names={alias_names}")["module_list"]:
            assert annotator_of(module) in ANNOTATORS


def test_every_sampler_and_schedule_of_the_lists_is_one_that_draws(served: Served) -> None:
    for sampler in told(served, "/sdapi/v1/samplers"):
        for schedule in told(served, "/sdapi/v1/schedulers"):
            for name in (sampler["name"], *sampler["aliases"]):
                assert sampler_of(name, schedule["name"]) == sampler_of(name, schedule["label"]) is not None


def test_scripts_tell_webuiapi_that_controlnet_is_there(served: Served) -> None:
    scripts = told(served, "/sdapi/v1/scripts")
    assert "controlnet m2m" in scripts["txt2img"]
    assert {info["name"] for info in told(served, "/sdapi/v1/script-info")} <= set(scripts["img2img"])


def test_no_list_tells_where_files_lie(served: Served) -> None:
    for name in (*SHAPES, "embeddings", "cmd-flags", "options"):
        assert str(served.data) not in served.client.get(f"/sdapi/v1/{name}").text


def test_memory_is_in_bytes_or_says_that_it_is_not_known(served: Served) -> None:
    memory = told(served, "/sdapi/v1/memory")
    assert memory["ram"].keys() in ({"free", "used", "total"}, {"error"})
    assert memory["cuda"] == {"error": "unavailable"}


def test_a_key_sees_the_models_that_it_may_use(served: Served) -> None:
    narrow = {"Authorization": f"Bearer {key_for(served, models=['shapes-xl'])}"}
    assert [model["model_name"] for model in told(served, "/sdapi/v1/sd-models", narrow)] == ["shapes-xl"]
    assert told(served, "/sdapi/v1/loras", narrow) == []


@pytest.mark.parametrize("alias_names", [False, True])
def test_modules_are_named_with_details(served: Served, alias_names: bool) -> None:
    listed = told(served, f"/controlnet/module_list?alias_names={str(alias_names).lower()}")
    assert listed["module_list"][:2] == ["none", "canny"]
    assert ("invert (from white bg & black line)" in listed["module_list"]) is alias_names
    assert listed["module_detail"]["canny"] == {"model_free": False, "sliders": []}


def test_control_types_pair_modules_and_models(served: Served) -> None:
    assert told(served, "/controlnet/model_list") == {"model_list": ["shapes-control", "controlnet-canny-sdxl-1.0"]}
    types = told(served, "/controlnet/control_types")["control_types"]
    assert list(types) == ["All", "Canny", "Depth", "Lineart", "Scribble"]
    assert types["Canny"] == {
        "module_list": ["none", "canny", "invert (from white bg & black line)"],
        "model_list": ["None", "controlnet-canny-sdxl-1.0"],
        "default_option": "canny",
        "default_model": "controlnet-canny-sdxl-1.0",
    }
    assert types["Depth"]["module_list"] == ["none", "depth_anything_v2"]


def test_options_may_be_sent_back_whole_as_open_webui_does(served: Served) -> None:
    headers = newcomer(served)
    options = told(served, "/sdapi/v1/options", headers)
    assert options["sd_model_checkpoint"] in [model["title"] for model in told(served, "/sdapi/v1/sd-models")]
    answer = served.client.post("/sdapi/v1/options", json=options, headers=headers)
    assert (answer.status_code, answer.json()) == (200, None)
    assert "x-darkroom-ignored-fields" not in answer.headers
    assert told(served, "/sdapi/v1/options", headers) == options


@pytest.mark.parametrize(
    ("name", "sent", "kept"),
    [
        ("send_seed", False, False),
        ("send_size", False, False),
        ("samples_format", "webp", "webp"),
        ("jpeg_quality", 60, 60),
        ("CLIP_stop_at_last_layers", 2, 2),
        ("CLIP_stop_at_last_layers", 2.0, 2),
        ("sd_vae", "None", "None"),
        ("sd_model_checkpoint", "shapes-xl.safetensors", "shapes-xl"),
        ("sd_model_checkpoint", "shapes-xl [0123456789]", "shapes-xl"),
        ("sd_model_checkpoint", "Shapes", "shapes-xl"),
    ],
)
def test_an_option_is_kept_for_the_account_alone(served: Served, name: str, sent: object, kept: object) -> None:
    headers, other = newcomer(served), newcomer(served)
    before = told(served, "/sdapi/v1/options", other)
    assert served.client.post("/sdapi/v1/options", json={name: sent}, headers=headers).status_code == 200
    assert told(served, "/sdapi/v1/options", headers)[name] == kept
    assert told(served, "/sdapi/v1/options", other) == before


def test_one_option_leaves_the_others_and_the_preferences(served: Served) -> None:
    headers = newcomer(served)
    preferences = {"default_size": "128x128", "auto_save": True}
    served.client.patch("/darkroom/v1/account/preferences", json=preferences, headers=headers).raise_for_status()
    for option in ({"jpeg_quality": 60}, {"send_seed": False}):
        served.client.post("/sdapi/v1/options", json=option, headers=headers).raise_for_status()
    options = told(served, "/sdapi/v1/options", headers)
    assert (options["jpeg_quality"], options["send_seed"]) == (60, False)
    kept = told(served, "/darkroom/v1/account", headers)["preferences"]
    assert kept == {"default_model": None, "default_size": "128x128", "filter": None, "auto_save": True}


def test_the_account_s_default_model_is_the_checkpoint_until_another_is_chosen(served: Served) -> None:
    headers = newcomer(served)
    preferences = {"default_model": "shapes-xl"}
    served.client.patch("/darkroom/v1/account/preferences", json=preferences, headers=headers).raise_for_status()
    assert told(served, "/sdapi/v1/options", headers)["sd_model_checkpoint"] == "shapes-xl"


def test_options_that_are_not_kept_are_named(served: Served) -> None:
    answer = served.client.post("/sdapi/v1/options", json={"live_previews_enable": True, "s_noise": 1})
    assert answer.headers["x-darkroom-ignored-fields"] == "live_previews_enable, s_noise"


@pytest.mark.parametrize(
    ("option", "status"),
    [
        ({"sd_model_checkpoint": "nothing"}, 404),
        ({"sd_model_checkpoint": "stable-diffusion-xl-base-1.0"}, 503),
        ({"sd_model_checkpoint": 7}, 422),
        ({"sd_vae": "nothing"}, 422),
        ({"CLIP_stop_at_last_layers": 0}, 422),
        ({"CLIP_stop_at_last_layers": 1.5}, 422),
        ({"samples_format": "tiff"}, 422),
        ({"jpeg_quality": 101}, 422),
        ({"send_seed": "perhaps"}, 422),
    ],
)
def test_a_wrong_option_is_refused_and_nothing_is_kept(served: Served, option: dict[str, Any], status: int) -> None:
    headers = newcomer(served)
    before = told(served, "/sdapi/v1/options", headers)
    answer = served.client.post("/sdapi/v1/options", json={"send_size": False} | option, headers=headers)
    assert answer.status_code == status
    assert "nothing" not in answer.text
    assert told(served, "/sdapi/v1/options", headers) == before


def test_files_that_were_dropped_in_are_listed_after_a_refresh(served: Served) -> None:
    put(served.data / "vae" / "Sharper.safetensors", VAE)
    for kind in ("checkpoints", "vae", "loras", "embeddings"):
        assert served.client.post(f"/sdapi/v1/refresh-{kind}").json() is None
    assert told(served, "/sdapi/v1/sd-vae") == [{"model_name": "sharper", "filename": "Sharper.safetensors"}]


def test_checkpoints_are_unloaded_and_loaded(served: Served) -> None:
    assert served.client.post("/sdapi/v1/unload-checkpoint").json() == {}
    assert served.client.post("/sdapi/v1/reload-checkpoint").json() == {}
    assert served.worker.wishes[-2:] == [("flat", False), ("shapes-xl", True)]


@pytest.mark.parametrize("path", ["refresh-checkpoints", "unload-checkpoint", "reload-checkpoint"])
def test_only_the_operator_moves_what_is_everybody_s(served: Served, path: str) -> None:
    answer = served.client.post(f"/sdapi/v1/{path}", headers=newcomer(served))
    assert answer.status_code == 403
    assert answer.json().keys() == {"error", "detail", "body", "errors"}
