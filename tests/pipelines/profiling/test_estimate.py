"""The seconds of a task, by what was measured: steps times ticks, whole ticks of the best rows, none where unknown."""

from dataclasses import replace
from pathlib import Path

import pytest

from pipelines.catalog import Catalog
from pipelines.planning import text_to_image
from pipelines.profiling.curves import Curve, weights_digest
from pipelines.profiling.estimate import seconds_of
from pipelines.profiling.profile import Profile, write_profile
from pipelines.tasks import FirstPass, ImageToImage, Raster, TextToImage
from server.credits.estimates import estimated_seconds
from tests.server.serving import small_catalog

SECONDS = {1: 1.0, 2: 1.5, 4: 2.5, 8: 6.0}  # four rows are best


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    return small_catalog(tmp_path)


@pytest.fixture
def task(catalog: Catalog) -> TextToImage:
    return text_to_image(catalog, prompt="a red star", steps=10, guidance_scale=1.0, seed=1)


def curve(catalog: Catalog, side: int = 128) -> Curve:
    digest = weights_digest(catalog.get("flat"))
    return Curve(model="flat", weights=digest, height=side, width=side, seconds=SECONDS, row_bytes=0, picture_bytes=0)


@pytest.mark.parametrize(
    ("changes", "seconds"),
    [
        pytest.param({}, 10.0, id="a row"),
        pytest.param({"guidance_scale": 4.0}, 15.0, id="guided, two rows"),
        pytest.param({"count": 3}, 20.0, id="between two points"),
        pytest.param({"count": 9}, 60.0, id="two whole ticks and one row"),
        pytest.param({"sampler": "heun"}, 20.0, id="twice a step"),
        pytest.param({"first_pass": FirstPass(128, 128, 4, 0.5)}, 9.0, id="two passes"),
        pytest.param({"width": 64, "height": 64}, None, id="another size"),
    ],
)
def test_seconds_are_those_of_the_ticks(
    catalog: Catalog, task: TextToImage, changes: dict[str, object], seconds: float | None
) -> None:
    assert seconds_of(replace(task, **changes), catalog, [curve(catalog)]) == seconds


def test_what_is_drawn_over_takes_the_steps_of_its_strength(catalog: Catalog, task: TextToImage) -> None:
    said = {name: getattr(task, name) for name in task.__dataclass_fields__ if name != "first_pass"}
    over = ImageToImage(**said, image=Raster(1, 1, bytes(3)), strength=0.25)
    assert seconds_of(over, catalog, [curve(catalog)]) == 3.0


def test_the_files_of_this_kind_of_device_and_of_these_weights_count(
    catalog: Catalog, task: TextToImage, tmp_path: Path
) -> None:
    assert estimated_seconds(task, catalog, tmp_path, "cpu") is None
    write_profile(tmp_path, Profile(device="cpu with 2 threads", curves=(curve(catalog),)))
    (tmp_path / "profiles" / "broken.json").write_text("{")
    assert estimated_seconds(task, catalog, tmp_path, "cpu") == 10.0
    assert estimated_seconds(task, catalog, tmp_path, "cuda") is None
    other = curve(catalog).model_copy(update={"weights": "of another file"})
    write_profile(tmp_path, Profile(device="cpu with 2 threads", curves=(other,)))
    assert estimated_seconds(task, catalog, tmp_path, "cpu") is None
