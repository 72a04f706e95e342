"""The registry loads what is asked for, keeps to its memory, and lets go of what it forgets."""

import gc
import os
import shutil
import weakref
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from pipelines.catalog import Catalog
from pipelines.errors import ModelNotInstalled, ModelUnknown, OutOfMemory, TaskRefused, WeightsRefused
from pipelines.loader import Loader
from pipelines.registry import Registry
from pipelines.sdxl.loading import PARTS
from pipelines.sdxl.model import SdxlModel
from pipelines.tuning import Tuning
from pipelines.weights import check_safetensors, sha256
from tests.pipelines.conftest import Write, save_tiny_sdxl
from tests.pipelines.test_loading import to_original_keys

CPU = torch.device("cpu")
NAMES = ("one", "two", "three")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny")
    save_tiny_sdxl(folder)
    return folder


@pytest.fixture
def catalog(catalogued: Write, tiny: Path) -> Catalog:
    """Three installed copies of one model, of the same content but without a sha256 that would tell."""
    catalog = catalogued(*({"id": name} for name in NAMES), {"id": "absent"}, {"id": "other", "kind": "upscaler"})
    for name in NAMES:
        shutil.copytree(tiny, catalog.models_folder / name)
    return catalog


def registry_for(catalog: Catalog, budget: int | None = None, host_cache: int = 0) -> Registry:
    return Registry(catalog, CPU, torch.float32, budget, Tuning(host_cache=host_cache))


def tensors_of(part: nn.Module) -> dict[str, torch.Tensor]:
    """Copies, with the buffers that no file has."""
    named = [*part.named_parameters(), *part.named_buffers()]
    return {name: tensor.clone() for name, tensor in named}


def bytes_of(model: SdxlModel) -> int:
    parameters = [parameter for part in PARTS for parameter in getattr(model, part).parameters()]
    return sum(parameter.numel() * 4 for parameter in parameters)


def empty(catalog: Catalog, *models: str) -> None:
    """Zeros in their files, unnoticed: what is read from these is not what was loaded."""
    for file in [file for name in models for file in (catalog.models_folder / name).rglob("*.safetensors")]:
        written = file.stat().st_mtime_ns
        save_file({name: torch.zeros_like(tensor) for name, tensor in load_file(file).items()}, file)
        os.utime(file, ns=(written, written))


def test_a_model_is_loaded_once(catalog: Catalog) -> None:
    registry = registry_for(catalog)
    assert registry.sdxl("one") is registry.sdxl("one")
    assert registry.loaded() == ("one",)


def test_the_least_recently_used_goes_when_the_budget_is_spent(catalog: Catalog) -> None:
    size = bytes_of(registry_for(catalog).sdxl("one"))
    registry = registry_for(catalog, budget=2 * size)
    registry.sdxl("one")
    registry.sdxl("two")
    registry.sdxl("one")
    registry.sdxl("three")
    assert registry.loaded() == ("one", "three")
    assert (registry.tally.counters.loads, registry.tally.counters.unloads) == (3, 1)


def test_a_model_larger_than_the_budget_is_refused_and_drives_nobody_out(catalog: Catalog) -> None:
    size = bytes_of(registry_for(catalog).sdxl("one"))
    registry = registry_for(catalog, budget=size - 1)
    with pytest.raises(OutOfMemory, match="memory budget"):
        registry.sdxl("one")
    assert registry.loaded() == ()


def test_an_unloaded_model_is_gone(catalog: Catalog) -> None:
    registry = registry_for(catalog)
    traces = [weakref.ref(getattr(registry.sdxl("one"), part)) for part in PARTS]
    registry.unload("one")
    gc.collect()
    assert [trace() for trace in traces] == [None] * len(traces)
    assert registry.loaded() == ()


def test_what_has_not_drawn_for_a_while_is_unloaded_and_what_draws_is_not(catalog: Catalog) -> None:
    registry = registry_for(catalog)
    registry.sdxl("one")
    registry.unload_idle(seconds=60)
    assert registry.loaded() == ("one",)
    registry.unload_idle(seconds=0)
    assert registry.loaded() == ()
    registry.sdxl("one")
    assert registry.loaded() == ("one",)


def test_a_model_in_use_outlives_being_forgotten(catalog: Catalog) -> None:
    registry = registry_for(catalog)
    held = registry.sdxl("one")
    registry.unload("one")
    assert held.unet.conv_in.weight.isfinite().all()
    assert registry.sdxl("one") is not held


def test_models_share_the_parts_whose_files_are_the_same(catalogued: Write, tmp_path: Path) -> None:
    for seed, name in enumerate(("one", "two")):
        save_tiny_sdxl(tmp_path / "models" / name, seed)
    vae = "vae/diffusion_pytorch_model.safetensors"
    files = [{"path": vae, "sha256": sha256(tmp_path / "models" / "one" / vae)}, {"path": "model_index.json"}]
    registry = registry_for(catalogued({"id": "one", "files": files}, {"id": "two", "files": files}))
    one, two = registry.sdxl("one"), registry.sdxl("two")
    assert one.vae is two.vae
    assert one.unet is not two.unet
    registry.unload("one")
    assert registry.sdxl("two").vae is two.vae


def test_a_shared_part_counts_once(catalogued: Write, tiny: Path) -> None:
    files = [{"path": path.relative_to(tiny).as_posix(), "sha256": sha256(path)} for path in tiny.rglob("*.*")]
    catalog = catalogued({"id": "one", "files": files}, {"id": "two", "files": files})
    for name in ("one", "two"):
        shutil.copytree(tiny, catalog.models_folder / name)
    registry = registry_for(catalog, budget=bytes_of(registry_for(catalog).sdxl("one")))
    registry.sdxl("one")
    registry.sdxl("two")
    assert registry.loaded() == ("one", "two")


@pytest.mark.parametrize(
    ("name", "error"),
    [("nobody", ModelUnknown), ("absent", ModelNotInstalled), ("other", TaskRefused)],
    ids=["unknown", "not installed", "of another kind"],
)
def test_what_cannot_be_loaded_is_a_named_error(catalog: Catalog, name: str, error: type[Exception]) -> None:
    shutil.copytree(catalog.models_folder / "one", catalog.models_folder / "other")
    with pytest.raises(error):
        registry_for(catalog).sdxl(name)


def test_a_file_that_was_changed_since_it_was_catalogued_is_refused(catalogued: Write, tiny: Path) -> None:
    files = [{"path": "unet/config.json", "sha256": "0" * 64}, {"path": "vae/config.json"}]
    catalog = catalogued({"files": files})
    shutil.copytree(tiny, catalog.models_folder / "tiny")
    with pytest.raises(WeightsRefused, match="sha256"):
        registry_for(catalog).sdxl("tiny")


def test_a_single_checkpoint_takes_its_scheduler_from_the_entry(
    catalogued: Write, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    single = {"id": "single", "files": [{"path": "single.safetensors"}], "tokenizers_from": "tiny"}
    catalog = catalogued({}, {**single, "scheduler": {"timestep_spacing": "linspace"}})
    shutil.copytree(tiny, catalog.models_folder / "tiny")
    (catalog.models_folder / "single").mkdir()
    save_file(to_original_keys(tiny), catalog.models_folder / "single" / "single.safetensors")
    monkeypatch.setattr("pipelines.loader.CONFIGS", tiny)  # the true ones have three billion parameters
    model = registry_for(catalog).sdxl("single")
    assert model.scheduler["timestep_spacing"] == "linspace"
    assert model.scheduler["prediction_type"] == "v_prediction"
    assert torch.equal(model.unet.conv_in.weight, registry_for(catalog).sdxl("tiny").unet.conv_in.weight)


def test_what_was_driven_out_comes_back_from_the_host_and_not_from_its_files(catalog: Catalog) -> None:
    size = bytes_of(registry_for(catalog).sdxl("one"))
    registry = registry_for(catalog, budget=size, host_cache=2 * size)
    before = {part: tensors_of(getattr(registry.sdxl("one"), part)) for part in PARTS}
    registry.sdxl("two")
    assert registry.loaded() == ("two",)
    empty(catalog, "one")
    model = registry.sdxl("one")
    for part, tensors in before.items():
        after = tensors_of(getattr(model, part))
        assert after.keys() == tensors.keys()
        assert all(torch.equal(after[name], tensor) for name, tensor in tensors.items())


def test_the_host_keeps_what_was_used_last_and_no_more_than_it_may(catalog: Catalog) -> None:
    size = bytes_of(registry_for(catalog).sdxl("one"))
    registry = registry_for(catalog, budget=size, host_cache=int(1.2 * size))  # buffers are kept too
    for name in NAMES:
        registry.sdxl(name)
    empty(catalog, "one", "two")
    assert registry.sdxl("two").unet.conv_in.weight.any()
    assert not registry.sdxl("one").unet.conv_in.weight.any()


@pytest.mark.parametrize(("room", "place"), [(0, "cpu"), (1, "cuda")], ids=["too much", "just fits"])
def test_weights_are_streamed_by_what_they_take_on_the_device_not_in_their_files(
    catalogued: Write, tmp_path: Path, room: int, place: str
) -> None:
    save_tiny_sdxl(tmp_path / "models" / "tiny", dtype=torch.float32)
    catalog = catalogued({})
    files = [tmp_path / "models" / "tiny" / file.path for file in catalog.get("tiny").files]
    elements = sum(weights.elements for file in files if file.suffix == ".safetensors"
                   for weights in check_safetensors(file).values())  # fmt: skip
    budget = 2 * elements - 1 + room
    loader = Loader(catalog, torch.device("cuda"), torch.float16, Tuning(), budget, lambda *_: None)
    assert loader._place(catalog.get("tiny")).type == place
