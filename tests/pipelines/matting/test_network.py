"""A matting network in ONNX is shown pictures as its family wants them, and its answer becomes a mask."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from PIL import Image

from pipelines.errors import DrawingFailed, WeightsRefused
from pipelines.matting import network
from pipelines.matting.network import FAMILIES, load_matting
from tests.pipelines.matting.tiny_networks import SIDE, channel_network

CPU = torch.device("cpu")
RED, BLUE = (255, 0, 0), (0, 0, 255)


def half_red(width: int = 100, height: int = 60) -> Image.Image:
    """Red on the left, blue on the right."""
    picture = Image.new("RGB", (width, height), BLUE)
    picture.paste(RED, (0, 0, width // 2, height))
    return picture


def test_the_mask_is_bright_where_the_network_says_and_as_large_as_the_picture(tmp_path: Path) -> None:
    (mask,) = load_matting(channel_network(tmp_path), CPU).masks([half_red()])
    assert (mask.mode, mask.size) == ("L", (100, 60))
    assert np.asarray(mask)[:, :40].min() >= 250
    assert np.asarray(mask)[:, 60:].max() <= 5


@pytest.mark.parametrize(
    ("family", "level"),
    [
        # A red of 0.6 of the brightest, less the mean, over the deviation, and what a sigmoid makes of that.
        pytest.param("u2net", 0.502, id="u2net"),
        pytest.param("silueta", 0.502, id="silueta"),
        pytest.param("bria", 0.502, id="bria"),
        pytest.param("isnet", 0.1, id="isnet"),
        pytest.param("ben", 0.1, id="ben"),
        pytest.param("birefnet", 0.623, id="birefnet"),
        pytest.param("shapes", 0.2, id="shapes"),
    ],
)
def test_each_family_sees_colours_in_its_own_measure(family: str, level: float, tmp_path: Path) -> None:
    network = load_matting(channel_network(tmp_path, "any.onnx"), CPU, family)
    (mask,) = network.masks([Image.new("RGB", (9, 5), (120, 200, 0))])
    assert np.asarray(mask) == pytest.approx(255 * level, abs=1)


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("u2net_human_seg.onnx", "u2net"),
        ("silueta.onnx", "silueta"),
        ("isnet-general-use.onnx", "isnet"),
        ("BiRefNet-general-epoch_244.onnx", "birefnet"),
        ("bria-rmbg-2.0.onnx", "bria"),
        ("shapes-matting.onnx", "shapes"),
    ],
)
def test_the_family_is_in_the_name_and_says_the_side_that_the_file_leaves_open(
    name: str, family: str, tmp_path: Path
) -> None:
    network = load_matting(channel_network(tmp_path, name, side=None), CPU)
    assert (network.family, network.side) == (FAMILIES[family], FAMILIES[family].side)


def test_the_side_in_the_file_overrules_the_family(tmp_path: Path) -> None:
    assert load_matting(channel_network(tmp_path, side=48), CPU).side == 48


@pytest.mark.parametrize("batch", ["pictures", 1], ids=["any number at once", "one at a time"])
def test_a_mask_does_not_depend_on_its_neighbours(batch: int | str, tmp_path: Path) -> None:
    network = load_matting(channel_network(tmp_path, batch=batch), CPU)
    pictures = [half_red(20 + 10 * index, 30) for index in range(6)]
    together = network.masks(pictures)
    assert [mask.tobytes() for mask in together] == [network.masks([each])[0].tobytes() for each in pictures]
    assert [mask.size for mask in together] == [each.size for each in pictures]


def test_no_pictures_have_no_masks(tmp_path: Path) -> None:
    assert load_matting(channel_network(tmp_path), CPU).masks([]) == []


@pytest.mark.parametrize("size", [(1, 1), (4000, 1), (1, 900)], ids=["a pixel", "a row", "a column"])
@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "P", "CMYK"])
def test_a_picture_of_any_size_and_mode_has_a_mask(size: tuple[int, int], mode: str, tmp_path: Path) -> None:
    (mask,) = load_matting(channel_network(tmp_path), CPU).masks([Image.new("RGB", size, RED).convert(mode)])
    assert mask.size == size


def test_where_nothing_stands_out_next_to_nothing_is_not_made_a_foreground(tmp_path: Path) -> None:
    even = np.full((SIDE, SIDE, 3), 100, np.uint8)
    even[:, : SIDE // 2, 0] += 1
    (mask,) = load_matting(channel_network(tmp_path, "isnet.onnx"), CPU).masks([Image.fromarray(even)])
    assert np.ptp(np.asarray(mask)) <= 3


def test_numbers_that_are_no_mask_are_not_drawn(tmp_path: Path) -> None:
    network = load_matting(channel_network(tmp_path, broken=True), CPU)
    with pytest.raises(DrawingFailed):
        network.masks([half_red()])


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        pytest.param({"channels": 1}, "one square picture in RGB", id="gray pictures"),
        pytest.param({"inputs": 2}, "one square picture in RGB", id="two pictures"),
        pytest.param({"name": "unheard-of.onnx"}, "no family", id="a family that nobody knows"),
    ],
)
def test_a_network_that_takes_something_else_is_refused(changes: dict[str, Any], reason: str, tmp_path: Path) -> None:
    with pytest.raises(WeightsRefused, match=reason):
        load_matting(channel_network(tmp_path, **changes), CPU)


@pytest.mark.parametrize(
    "content", [b"", b"no network at all", pickle.dumps({"weights": [1.0]})], ids=["empty", "text", "pickle"]
)
def test_a_file_that_is_no_network_is_refused_without_naming_its_folder(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "u2net.onnx"
    file.write_bytes(content)
    with pytest.raises(WeightsRefused) as refusal:
        load_matting(file, CPU)
    assert refusal.value.field == "model"
    assert str(tmp_path) not in refusal.value.sentence


def test_half_a_file_is_refused(tmp_path: Path) -> None:
    file = channel_network(tmp_path)
    file.write_bytes(file.read_bytes()[:90])
    with pytest.raises(WeightsRefused):
        load_matting(file, CPU)


def test_a_network_runs_on_the_very_device_that_was_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    providers = [network._providers(torch.device(name)) for name in ("cuda:1", "cuda", "cpu")]
    assert [options for each in providers for name, options in each if "CUDA" in name] == [
        {"device_id": 1},
        {"device_id": 0},
    ]
