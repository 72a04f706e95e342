"""A profile knows from how many rows on more of them gain nothing, and for which weights and device that holds."""

from pathlib import Path

import pytest
import torch

from pipelines.catalog import Catalog
from pipelines.engine.pool import PoolKey
from pipelines.engine.rows import MOST_ROWS
from pipelines.profiling import fitting
from pipelines.profiling.curves import Curve, knee
from pipelines.profiling.fitting import memory_for
from pipelines.profiling.measure import measure
from pipelines.profiling.profile import Profile, read_profile, write_profile
from pipelines.registry import Registry
from pipelines.tuning import Tuning

CPU = torch.device("cpu")


def curve(**changes: object) -> Curve:
    plain = Curve(
        model="tiny", weights="?", height=64, width=64, seconds={1: 1.0, 8: 2.0}, row_bytes=5, picture_bytes=7
    )
    return plain.model_copy(update=changes)


@pytest.mark.parametrize(
    ("seconds", "cap"),
    [
        ({1: 1.0, 2: 1.0, 4: 1.0, 8: 1.0}, 8),
        ({1: 1.0, 2: 2.0, 4: 4.0, 8: 8.0}, 1),
        ({1: 1.0, 2: 1.2, 4: 1.6, 8: 3.2, 16: 6.4}, 4),
        ({1: 1.0, 2: 1.2, 4: 1.6, 8: 3.1, 16: 6.3}, 4),
        ({1: 1.0, 2: 1.2, 4: 9.0}, 2),
    ],
    ids=["more is free", "more is no gain", "a knee", "a knee with noise", "more is worse"],
)
def test_the_cap_is_the_fewest_rows_that_give_nearly_the_best_rate(seconds: dict[int, float], cap: int) -> None:
    assert knee(seconds) == cap


def test_a_profile_comes_back_from_its_file(tmp_path: Path) -> None:
    profile = read_profile(tmp_path, CPU).with_curve(curve())
    write_profile(tmp_path, profile)
    assert read_profile(tmp_path, CPU) == profile
    assert profile.caps == {("tiny", 64, 64): 8}


def test_a_new_curve_takes_the_place_of_the_old_one() -> None:
    profile = Profile(device="any").with_curve(curve()).with_curve(curve(height=128)).with_curve(curve(row_bytes=6))
    assert [(each.height, each.row_bytes) for each in profile.curves] == [(128, 5), (64, 6)]


def test_a_file_that_makes_no_sense_counts_as_none(tmp_path: Path) -> None:
    path = write_profile(tmp_path, read_profile(tmp_path, CPU))
    path.write_text("{}")
    assert read_profile(tmp_path, CPU).curves == ()


def test_a_model_is_measured_and_the_engine_goes_by_it(catalog: Catalog, registry: Registry, tmp_path: Path) -> None:
    points: list[int] = []
    found = measure(catalog, registry, "tiny", (64, 64), CPU, (1, 2, 3), lambda rows, seconds: points.append(rows))
    assert points == list(found.seconds) == [1, 2, 3]
    assert all(seconds > 0 for seconds in found.seconds.values())
    write_profile(tmp_path, read_profile(tmp_path, CPU).with_curve(found))
    memory = memory_for(catalog, CPU, Tuning(folder=str(tmp_path)))
    assert memory.most_rows(PoolKey("tiny", (), 64, 64)) == found.cap
    assert memory.most_rows(PoolKey("tiny", (), 128, 64)) == MOST_ROWS


def test_a_profile_does_not_hold_for_other_weights(catalog: Catalog, tmp_path: Path) -> None:
    write_profile(tmp_path, read_profile(tmp_path, CPU).with_curve(curve(weights="of yesterday")))
    memory = memory_for(catalog, CPU, Tuning(folder=str(tmp_path)))
    assert memory.most_rows(PoolKey("tiny", (), 64, 64)) == MOST_ROWS


@pytest.mark.parametrize(("name", "chosen"), [("cuda:1", [1]), ("cuda", [])])
def test_the_thread_that_draws_has_the_chosen_device_for_its_own(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch, name: str, chosen: list[int]
) -> None:
    """Streams and graphs are made on a thread's present device, whichever their inputs lie on."""
    present: list[int | None] = []
    monkeypatch.setattr(torch.cuda, "set_device", lambda device: present.append(device.index))
    monkeypatch.setattr(fitting, "weights_budget", lambda device: None)
    fitting.registry_for(catalog, torch.device(name), Tuning())
    assert present == chosen
