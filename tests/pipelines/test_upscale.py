"""An enlarged picture looks as if the network had seen it whole, whatever its size and whoever shared the batch."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from pipelines.errors import DrawingFailed, TaskRefused, WeightsRefused
from pipelines.upscale.denoise import denoised
from pipelines.upscale.enlargement import Enlargement, lanczos, tick, upscaled
from pipelines.upscale.network import Upscaler, as_pixels, load_upscaler
from pipelines.upscale.target import canvas_scale, size_by_factor, size_by_sides
from pipelines.upscale.tiles import MARGIN, Assembly, Grid, cut, side_for
from tests.pipelines.tiny_upscalers import (
    Weights,
    compact_network,
    folding_network,
    near_sighted_network,
    random_network,
    repeating_network,
    saved,
)

CPU = torch.device("cpu")
SMALL = 64  # pixels a side of the tiles that tests use, so that small pictures have several


def noisy(width: int, height: int, seed: int = 3) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


def slope(width: int, height: int) -> Image.Image:
    """Even changes of colour from left to right and from top to bottom."""
    across, down = np.meshgrid(np.linspace(20, 230, width), np.linspace(230, 20, height))
    return Image.fromarray(np.stack([across, down, (across + down) / 2], axis=-1).astype(np.uint8))


def loaded(weights: Weights, folder: Path) -> Upscaler:
    return load_upscaler(saved(weights, folder), CPU, torch.float16)


def in_tiles(upscaler: Upscaler, image: Image.Image) -> np.ndarray:
    size = image.width * upscaler.scale, image.height * upscaler.scale
    picture = Enlargement(image, size, upscaler.scale, side=SMALL)
    while picture.left:
        tick(upscaler, [(picture, 3)])
    return np.asarray(picture.finished())


def whole(upscaler: Upscaler, image: Image.Image) -> np.ndarray:
    return as_pixels(upscaler.enlarge(torch.from_numpy(np.array(image))[None], torch.zeros(1))[0], 1)


def apart(one: np.ndarray, other: np.ndarray) -> int:
    """The largest difference in levels of 255."""
    return int(np.abs(one.astype(int) - other).max())


@pytest.mark.parametrize(
    ("factor", "size"), [pytest.param(2, (20, 6), id="two"), pytest.param(8, (80, 24), id="eight")]
)
def test_a_factor_multiplies_both_sides(factor: int, size: tuple[int, int]) -> None:
    assert size_by_factor((10, 3), factor) == size


@pytest.mark.parametrize(
    ("width", "height", "size"),
    [
        pytest.param(100, None, (100, 50), id="width alone"),
        pytest.param(None, 10, (20, 10), id="height alone"),
        pytest.param(70, 70, (70, 70), id="both, of another aspect"),
        pytest.param(1, None, (1, 1), id="smaller, and never nothing"),
    ],
)
def test_the_side_not_asked_for_keeps_the_aspect(width: int | None, height: int | None, size: tuple[int, int]) -> None:
    assert size_by_sides((40, 20), width, height) == size


@pytest.mark.parametrize(
    ("said", "field"),
    [
        pytest.param({"factor": 0}, "factor", id="factor 0"),
        pytest.param({"factor": 3}, "factor", id="a factor that is not offered"),
        pytest.param({"factor": 8}, "factor", id="a factor that makes too much"),
        pytest.param({"width": 0, "height": None}, "width", id="no width at all"),
        pytest.param({"width": 5, "height": -1}, "height", id="a negative height"),
        pytest.param({"width": None, "height": None}, "width", id="nothing"),
        pytest.param({"width": 9000, "height": 9000}, "width", id="sides that make too much"),
        pytest.param({"width": None, "height": 9000}, "height", id="a side that makes too much"),
    ],
)
def test_what_cannot_be_made_is_refused_by_name(said: dict[str, int | None], field: str) -> None:
    with pytest.raises(TaskRefused) as refusal:
        size_by_factor((2000, 2000), **said) if "factor" in said else size_by_sides((2000, 2000), **said)  # type: ignore[arg-type]
    assert refusal.value.field == field


@pytest.mark.parametrize(
    ("network_scale", "target", "scale"),
    [
        pytest.param(4, (400, 400), 4, id="as the network"),
        pytest.param(4, (200, 200), 2, id="half of it"),
        pytest.param(4, (150, 100), 2, id="no whole number"),
        pytest.param(4, (800, 800), 4, id="more than the network can"),
        pytest.param(4, (50, 50), 1, id="smaller"),
        pytest.param(4, (210, 210), 2, id="memory before sharpness"),
    ],
)
def test_no_more_is_put_together_than_the_target_needs(network_scale: int, target: tuple[int, int], scale: int) -> None:
    assert canvas_scale(network_scale, (100, 100), target, most_pixels=400 * 400 if scale == 4 else 90_000) == scale


@pytest.mark.parametrize(
    "size",
    [(1, 1), (40_000, 1), (1, 700), (32, 32), (33, 32), (97, 130)],
    ids=["a pixel", "a line", "a column", "one tile", "one pixel more", "many tiles"],
)
@pytest.mark.parametrize("scale", [1, 2], ids=["as it is", "twice"])
def test_tiles_put_together_are_the_picture(size: tuple[int, int], scale: int) -> None:
    picture = np.asarray(noisy(*size))
    grid = Grid(*size, SMALL)
    assembly = Assembly(grid, scale)
    for index in range(len(grid)):
        tile = cut(picture, grid, index)
        assert tile.shape == (SMALL, SMALL, 3)
        assembly.lay(tile.repeat(scale, 0).repeat(scale, 1))
    assert np.array_equal(assembly.pixels, picture.repeat(scale, 0).repeat(scale, 1))


def test_beyond_its_edges_a_picture_goes_on_as_in_a_mirror() -> None:
    picture = np.asarray(noisy(5, 3))
    grid = Grid(5, 3, SMALL)
    margins = [(MARGIN, SMALL - MARGIN - 3), (MARGIN, SMALL - MARGIN - 5), (0, 0)]
    assert np.array_equal(cut(picture, grid, 0), np.pad(picture, margins, mode="reflect"))


def test_four_tiles_fade_into_each_other_by_their_nearness() -> None:
    """In the square that all four share, the last one's part is the product of how far it has come on both axes."""
    assembly = Assembly(Grid(64, 64, SMALL), 1)
    for level in (0, 0, 0, 255):
        assembly.lay(np.full((SMALL, SMALL, 3), level, np.uint8))
    come = np.clip((np.arange(64) + 0.5 - 24) / 16, 0, 1)
    assert apart(assembly.pixels[..., 0], np.rint(255 * come[:, None] * come)) <= 1


@pytest.mark.parametrize(
    ("size", "side"),
    [((64, 64), 96), ((128, 128), 160), ((256, 256), 288), ((2048, 2048), 288), ((40_000, 1), 96)],
    ids=["small", "of the shapes model", "one large tile", "large", "a line"],
)
def test_tiles_are_as_large_as_is_cheapest(size: tuple[int, int], side: int) -> None:
    assert side_for(*size) == side


def test_putting_together_takes_little_more_than_the_result() -> None:
    grid, scale = Grid(512, 256, 288), 4
    tile = np.zeros((288 * scale, 288 * scale, 3), np.uint8)
    tracemalloc.start()
    assembly = Assembly(grid, scale)
    for _ in range(len(grid)):
        assembly.lay(tile)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak <= assembly.pixels.nbytes + 60 * (288 * scale) ** 2


@pytest.mark.parametrize("scale", [2, 4], ids=["two", "four"])
@pytest.mark.parametrize("size", [(1, 1), (70, 45)], ids=["a pixel", "several tiles"])
def test_a_network_that_repeats_pixels_gives_the_picture_back(
    scale: int, size: tuple[int, int], tmp_path: Path
) -> None:
    picture = noisy(*size)
    enlarged = in_tiles(loaded(repeating_network(scale), tmp_path), picture)
    assert np.array_equal(enlarged, np.asarray(picture).repeat(scale, 0).repeat(scale, 1))


def test_a_network_of_scale_four_serves_a_factor_of_two(tmp_path: Path) -> None:
    picture, upscaler = noisy(70, 45), loaded(repeating_network(4), tmp_path)
    assert np.array_equal(
        np.asarray(upscaled(upscaler, picture, (140, 90))), np.asarray(picture).repeat(2, 0).repeat(2, 1)
    )


@pytest.mark.parametrize(
    ("weights", "scale"),
    [
        pytest.param(random_network(scale=4), 4, id="x4plus"),
        pytest.param(folding_network(), 2, id="x2plus"),
        pytest.param(compact_network(), 4, id="general"),
    ],
)
def test_the_architecture_is_found_by_the_weights(weights: Weights, scale: int, tmp_path: Path) -> None:
    upscaler = loaded(weights, tmp_path)
    assert (upscaler.scale, upscaler.dtype) == (scale, torch.float32)
    assert upscaled(upscaler, noisy(13, 9), (13 * scale, 9 * scale)).size == (13 * scale, 9 * scale)


@pytest.mark.parametrize("target", [(90, 61), (1000, 600), (30, 10)], ids=["odd", "beyond the network", "smaller"])
def test_any_size_asked_for_is_met(target: tuple[int, int], tmp_path: Path) -> None:
    upscaler = loaded(repeating_network(), tmp_path)
    enlarged = upscaled(upscaler, slope(70, 45), target)
    assert enlarged.size == target
    expected = np.asarray(lanczos(slope(70, 45), target)).astype(int)
    assert np.abs(np.asarray(enlarged) - expected).mean() < 3


def test_away_from_the_edges_tiles_equal_the_whole(tmp_path: Path) -> None:
    upscaler, picture = loaded(near_sighted_network(), tmp_path), noisy(100, 70)
    inside = slice(8, -8)
    tiled, untiled = (draw(upscaler, picture)[inside, inside] for draw in (in_tiles, whole))
    assert apart(tiled, untiled) <= 1


def test_no_seam_is_seen(tmp_path: Path) -> None:
    """Where tiles meet, neighbouring pixels differ no more than there when the network sees the picture whole."""
    upscaler, picture = loaded(random_network(), tmp_path), slope(128, 128)
    tiled, untiled = (draw(upscaler, picture).astype(float) for draw in (in_tiles, whole))
    meeting = (np.abs(np.arange(255) / 2 % 32 - 16) > 8) & (np.abs(np.arange(255) - 127) < 112)
    for axis in (0, 1):
        steps, steps_whole = (np.abs(np.diff(each, axis=axis)).mean(axis=(1 - axis, 2)) for each in (tiled, untiled))
        assert steps[meeting].mean() <= 1.05 * steps_whole[meeting].mean()


def test_tiles_of_two_pictures_in_one_batch_equal_those_alone(tmp_path: Path) -> None:
    upscaler = loaded(random_network(), tmp_path)
    pictures = [noisy(70, 40, seed=1), noisy(40, 100, seed=2)]
    together = [
        Enlargement(picture, (2 * picture.width, 2 * picture.height), 2, denoise, SMALL)
        for picture, denoise in zip(pictures, (0.0, 0.7), strict=True)
    ]
    while working := [(picture, 2) for picture in together if picture.left]:
        tick(upscaler, working)
    for picture, joint, denoise in zip(pictures, together, (0.0, 0.7), strict=True):
        alone = Enlargement(picture, (2 * picture.width, 2 * picture.height), 2, denoise, SMALL)
        while alone.left:
            tick(upscaler, [(alone, 1)])
        assert apart(np.asarray(joint.finished()), np.asarray(alone.finished())) <= 1


def test_what_was_transparent_does_not_darken_the_edge(tmp_path: Path) -> None:
    cutout = Image.new("RGBA", (60, 60))  # black under the transparency
    ImageDraw.Draw(cutout).ellipse((15, 15, 45, 45), fill=(220, 40, 40, 255))
    enlarged = upscaled(loaded(repeating_network(), tmp_path), cutout, (120, 120))
    pixels = np.asarray(enlarged)
    assert enlarged.mode == "RGBA"
    assert np.array_equal(
        pixels[..., 3], np.asarray(cutout.getchannel("A").resize((120, 120), Image.Resampling.LANCZOS))
    )
    assert apart(pixels[pixels[..., 3] > 0][:, :3], np.array([220, 40, 40])) <= 12


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "CMYK", "RGBA", "LA"])
def test_every_mode_of_pictures_is_enlarged(mode: str) -> None:
    enlarged = lanczos(noisy(9, 5).convert("L" if mode == "LA" else "RGB").convert(mode), (18, 10))
    assert (enlarged.mode, enlarged.size) == ("RGBA" if mode.endswith("A") else "RGB", (18, 10))


def test_denoising_smooths_grain_and_keeps_edges() -> None:
    torch.manual_seed(0)
    clean = torch.zeros(1, 3, 48, 48) + 0.2
    clean[..., 24:] = 0.8
    grainy = (clean + 0.03 * torch.randn_like(clean)).repeat(3, 1, 1, 1)
    plain, half, full = denoised(grainy, torch.tensor([0.0, 0.5, 1.0]))
    assert torch.equal(plain, grainy[0])
    assert (full[..., 2:20] - 0.2).std() < 0.5 * (plain[..., 2:20] - 0.2).std()
    assert (full[..., 24] - full[..., 23]).mean() > 0.85 * 0.6
    assert torch.allclose(half, (plain + full) / 2, atol=1e-6)


@pytest.mark.parametrize(
    ("weights", "reason"),
    [
        pytest.param({"some.weight": torch.zeros(2)}, "no architecture", id="another kind of model"),
        pytest.param(dict(list(random_network().items())[:-1]), "not whole", id="a part is missing"),
        pytest.param(random_network(channels=1), "not for pictures in RGB", id="for grey pictures"),
    ],
)
def test_a_file_that_is_no_upscaler_is_refused(weights: Weights, reason: str, tmp_path: Path) -> None:
    with pytest.raises(WeightsRefused, match=reason):
        loaded(weights, tmp_path)


def test_a_pickle_is_refused_whatever_its_name(tmp_path: Path) -> None:
    file = tmp_path / "tiny.safetensors"
    torch.save(random_network(), file)
    with pytest.raises(WeightsRefused, match="safetensors"):
        load_upscaler(file, CPU, torch.float32)


def test_numbers_that_are_no_picture_are_not_drawn(tmp_path: Path) -> None:
    weights = random_network() | {"model.0.bias": torch.full((4,), torch.nan)}
    with pytest.raises(DrawingFailed):
        upscaled(loaded(weights, tmp_path), noisy(8, 8), (16, 16))
