"""A VAE in a file of its own takes the place of a model's, whichever way its tensors are named."""

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from pipelines.catalog import Catalog
from pipelines.errors import ModelNotInstalled, ModelUnknown, TaskRefused, WeightsRefused
from pipelines.planning import text_to_image
from pipelines.registry import Registry
from pipelines.sdxl.loading import load_vae
from pipelines.sdxl.pipeline import SdxlPipeline
from pipelines.tasks import Picture
from tests.pipelines.conftest import Write
from tests.pipelines.engine.company import Listening, farthest
from tests.pipelines.test_loading import to_original_keys

CPU = torch.device("cpu")
SOFT: dict[str, Any] = {"id": "soft", "kind": "vae", "files": [{"path": "soft.safetensors"}]}
ORIGINAL = "first_stage_model."


def stored(folder: Path) -> dict[str, Tensor]:
    return load_file(folder / "vae" / "diffusion_pytorch_model.safetensors")


def darkened(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same VAE, but for what it decodes."""
    return {**weights, "decoder.conv_out.bias": weights["decoder.conv_out.bias"] - 1}


def bare_original(folder: Path) -> dict[str, Tensor]:
    whole = to_original_keys(folder)
    return {key.removeprefix(ORIGINAL): tensor for key, tensor in whole.items() if key.startswith(ORIGINAL)}


def original(folder: Path) -> dict[str, Tensor]:
    return {f"{ORIGINAL}{key}": tensor for key, tensor in bare_original(folder).items()}


@pytest.mark.parametrize("layout", [stored, bare_original, original])
def test_the_file_loads_to_the_tensors_that_were_stored(tiny_folder: Path, tmp_path: Path, layout: Any) -> None:
    save_file(layout(tiny_folder), tmp_path / "vae.safetensors")
    found = load_vae(tmp_path / "vae.safetensors", tiny_folder, CPU, torch.float32).state_dict()
    expected = stored(tiny_folder)
    assert found.keys() == expected.keys()
    for key, tensor in expected.items():
        assert torch.equal(found[key], tensor.float()), key


def holed(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    del weights["decoder.conv_out.bias"]
    return weights


def of_another_size(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return {**weights, "decoder.conv_in.weight": torch.zeros(32, 4, 3, 3)}


def of_something_else(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"unet.{key}": tensor for key, tensor in weights.items()}


@pytest.mark.parametrize("spoilt", [holed, of_another_size, of_something_else])
def test_what_is_no_vae_for_the_model_is_refused(tiny_folder: Path, tmp_path: Path, spoilt: Any) -> None:
    save_file(spoilt(stored(tiny_folder)), tmp_path / "vae.safetensors")
    with pytest.raises(WeightsRefused, match="not a whole VAE"):
        load_vae(tmp_path / "vae.safetensors", tiny_folder, CPU, torch.float32)


def drawn(catalog: Catalog, registry: Registry, model: str) -> Picture:
    return drawn_together(catalog, registry, model, [None])[0]


def drawn_together(catalog: Catalog, registry: Registry, model: str, vaes: Sequence[str | None]) -> list[Picture]:
    listening = Listening(catalog, registry)
    said: dict[str, Any] = {"prompt": "a star", "width": 64, "height": 64, "steps": 2, "seed": 1}
    for index, vae in enumerate(vaes):
        listening.engine.submit(str(index), text_to_image(catalog, model=model, vae=vae, **said))
    listening.turn_until_idle()
    return [listening.pictures(str(index))[0] for index in range(len(vaes))]


def test_a_model_draws_with_the_vae_that_its_entry_names(catalogued: Write, tiny_folder: Path, tmp_path: Path) -> None:
    same, dark = SOFT | {"id": "same"}, SOFT | {"id": "dark"}
    catalog = catalogued({}, {"id": "with-same", "vae": "same"}, {"id": "with-dark", "vae": "dark"}, same, dark)
    for name in ("tiny", "with-same", "with-dark"):
        shutil.copytree(tiny_folder, tmp_path / "models" / name)
    for name, weights in (("same", bare_original(tiny_folder)), ("dark", darkened(stored(tiny_folder)))):
        (tmp_path / "models" / name).mkdir()
        save_file(weights, tmp_path / "models" / name / "soft.safetensors")
    registry = Registry(catalog, CPU, torch.float32, None)
    own, same_picture, dark_picture = (drawn(catalog, registry, name) for name in ("tiny", "with-same", "with-dark"))
    assert farthest(own, same_picture) == 0
    assert sum(dark_picture.pixels) < sum(own.pixels) / 2


def test_a_single_checkpoint_takes_the_vae_of_its_entry_too(
    catalogued: Write, tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    single = {"id": "single", "files": [{"path": "single.safetensors"}], "tokenizers_from": "tiny", "vae": "soft"}
    catalog = catalogued({}, single, SOFT)
    shutil.copytree(tiny_folder, tmp_path / "models" / "tiny")
    for name, weights in (("single", to_original_keys(tiny_folder)), ("soft", darkened(stored(tiny_folder)))):
        (tmp_path / "models" / name).mkdir()
        save_file(weights, tmp_path / "models" / name / f"{name}.safetensors")
    monkeypatch.setattr("pipelines.loader.CONFIGS", tiny_folder)  # the true ones have three billion parameters
    registry = Registry(catalog, CPU, torch.float32, None)
    bias = registry.sdxl("single").vae.decoder.conv_out.bias
    assert torch.allclose(bias, registry.sdxl("tiny").vae.decoder.conv_out.bias - 1, atol=1e-3)


@pytest.fixture
def dropped(catalog: Catalog, tiny_folder: Path) -> Path:
    """A VAE beside the tiny model, put into the folder for VAEs."""
    file = catalog.models_folder / "vae" / "Dark.safetensors"
    file.parent.mkdir()
    save_file(darkened(stored(tiny_folder)), file)
    catalog.rescan()
    return file


def pipeline(registry: Registry, vae: str | None) -> SdxlPipeline:
    found = registry.pipeline("tiny", (), vae)
    assert isinstance(found, SdxlPipeline)
    return found


@pytest.mark.usefixtures("dropped")
def test_a_vae_by_name_is_put_beside_the_parts_that_are_loaded(registry: Registry) -> None:
    own, other = pipeline(registry, None), pipeline(registry, "Dark")
    assert own.model.unet is other.model.unet
    assert own.model.vae is registry.sdxl("tiny").vae
    assert not torch.equal(own.model.vae.decoder.conv_out.bias, other.model.vae.decoder.conv_out.bias)
    assert pipeline(registry, "dark") is other


@pytest.mark.usefixtures("dropped")
def test_pictures_of_different_vaes_do_not_see_each_other(catalog: Catalog, registry: Registry) -> None:
    own, dark, again = drawn_together(catalog, registry, "tiny", [None, "Dark", None])
    assert farthest(own, again) == 0
    assert sum(dark.pixels) < sum(own.pixels) / 2


def test_a_vae_that_was_replaced_is_loaded_again(
    catalog: Catalog, registry: Registry, dropped: Path, tiny_folder: Path
) -> None:
    before = pipeline(registry, "dark").model.vae.decoder.conv_out.bias
    save_file(stored(tiny_folder), dropped)
    os.utime(dropped, ns=(1, 1))  # as if a while had passed
    assert catalog.rescan().changed == ("dark",)
    after = pipeline(registry, "dark").model.vae.decoder.conv_out.bias
    assert torch.allclose(after, before + 1, atol=1e-3)


@pytest.mark.parametrize(
    ("name", "error"),
    [("nobody", ModelUnknown), ("tiny", TaskRefused), ("soft", ModelNotInstalled)],
    ids=["unknown", "of another kind", "not installed"],
)
def test_a_vae_that_cannot_be_used_is_a_named_error(
    catalogued: Write, tiny_folder: Path, tmp_path: Path, name: str, error: type[Exception]
) -> None:
    catalog = catalogued({}, SOFT)
    shutil.copytree(tiny_folder, tmp_path / "models" / "tiny")
    with pytest.raises(error) as raised:
        Registry(catalog, CPU, torch.float32, None).pipeline("tiny", (), name)
    assert raised.value.field == "vae"  # type: ignore[attr-defined]
