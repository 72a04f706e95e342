"""Who says what is to be followed gets a ControlNet for it, of the world of the model that draws."""

from pathlib import Path

import pytest

from pipelines.catalog import Catalog, default_file
from pipelines.errors import ModelNotInstalled
from pipelines.planning.controls import following
from pipelines.tasks import Control, Raster

PICTURE = Raster(8, 8, bytes(192))


def installed(folder: Path, *names: str) -> Catalog:
    catalog = Catalog.load(default_file(), folder)
    for model in map(catalog.get, names):
        for file in model.files:
            place = catalog.folder(model) / file.path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.touch()
    return catalog


@pytest.mark.parametrize("annotator", ["scribble", "canny"])
def test_the_shapes_have_a_controlnet_of_their_own_for_all_lines(tmp_path: Path, annotator: str) -> None:
    catalog = installed(tmp_path, "controlnet-canny-sdxl-1.0")
    control = following(catalog, catalog.get("shapes-xl"), PICTURE, (annotator,), 0.5)
    assert control == Control("shapes-control", PICTURE, annotator, 0.5)


@pytest.mark.parametrize(
    ("there", "asked", "model", "annotator"),
    [
        (["controlnet-canny-sdxl-1.0"], ("canny", "depth"), "controlnet-canny-sdxl-1.0", "canny"),
        (["controlnet-depth-sdxl-1.0"], ("canny", "depth"), "controlnet-depth-sdxl-1.0", "depth"),
        (["controlnet-canny-sdxl-1.0", "controlnet-depth-sdxl-1.0"], ("depth",), "controlnet-depth-sdxl-1.0", "depth"),
    ],
)
def test_a_real_model_takes_the_first_that_is_installed(
    tmp_path: Path, there: list[str], asked: tuple[str, ...], model: str, annotator: str
) -> None:
    catalog = installed(tmp_path, *there)
    control = following(catalog, catalog.get("stable-diffusion-xl-base-1.0"), PICTURE, asked, 1.0)
    assert (control.model, control.annotator) == (model, annotator)


def test_who_has_none_is_told_what_to_pull(tmp_path: Path) -> None:
    catalog = installed(tmp_path, "controlnet-canny-sdxl-1.0")
    with pytest.raises(ModelNotInstalled, match=r"darkroom pull controlnet-scribble-sdxl-1\.0"):
        following(catalog, catalog.get("stable-diffusion-xl-base-1.0"), PICTURE, ("scribble",), 1.0)
