"""The shapes model obeys: what a prompt names comes out in the picture, on combinations that training never saw."""

from collections.abc import Callable
from random import Random

import numpy as np
import pytest

from pipelines.demo.draw import draw_scene
from pipelines.demo.world import COLOURS, random_scene
from tests.judge import look
from tests.shapes import (
    FOLDER,
    TARGETS,
    Artist,
    drowned,
    judge,
    judged_scenes,
    percent,
    read_figures,
    table,
    weights_sha256,
    write_figures,
)
from training.text2image import BUCKETS, bucket_scenes

FROZEN = "bcaa315ca4fca435ef2a74f4fa4e01a131046c12e787cc0897a0446da8a9b4da"
NATIVE = [(160, 96), (96, 160), (144, 112), (112, 144), (192, 192)]  # beside 128x128, of which the others are judged
DROP = 3.0  # points that a native size may lack beside 128x128
SAMPLE = 24
SCATTER = 25  # points: two and a half standard deviations of a sample of 24
Report = Callable[[list[str]], None]

pytestmark = pytest.mark.draws


def test_the_judges_combinations_were_never_trained_on() -> None:
    trained = {scene.name for bucket in BUCKETS for scene in bucket_scenes(bucket)}
    judged = [scene for pair in (False, True) for scene, _ in judged_scenes(200, pair=pair)]
    assert all(scene.is_held_out for scene in judged)
    assert not trained & {scene.name for scene in judged}


@pytest.mark.full
@pytest.mark.timeout(3600)
def test_every_prompt_of_the_judge(artist: Artist, report: Report) -> None:
    singles, pairs = judged_scenes(200), judged_scenes(100, pair=True)
    cases = {
        "single": judge(artist, singles),
        "pair": judge(artist, pairs),
        "drowned in 60 words": judge(artist, drowned(singles[:100], 60)),
        **{f"{width}x{height}": judge(artist, singles, (width, height)) for width, height in NATIVE},
        **{f"{side}x{side}": judge(artist, singles[:20], (side, side)) for side in (64, 256)},
    }
    for name, tally in cases.items():
        report(table(name, tally))
    counts = {name: len(next(iter(tally.values()))) for name, tally in cases.items()}
    percents = {name: {key: percent(right) for key, right in tally.items()} for name, tally in cases.items()}
    write_figures({"prompts": counts, "percent": percents, "vae_psnr_db": round(_psnr(artist), 2)})


def test_a_sample_is_obeyed_as_the_committed_figures_say(artist: Artist, report: Report) -> None:
    tally = judge(artist, judged_scenes(SAMPLE))
    report(table(f"shapes-xl, a sample of {SAMPLE} prompts", tally))
    for name, figure in read_figures()["percent"]["single"].items():
        assert percent(tally[name]) >= figure - SCATTER, name


def test_the_base_is_frozen() -> None:
    """The LoRA, the ControlNet and the IP-Adapter were trained on exactly these files: train those anew with others."""
    assert weights_sha256() == FROZEN


def test_the_committed_figures_are_of_these_weights(report: Report) -> None:
    figures = read_figures()
    assert figures["weights_sha256"] == weights_sha256(), "run scripts/test --full and commit benchmarks/shapes.json"
    report([f"committed, percent right, {key}: {value}" for key, value in figures["percent"].items()])


@pytest.mark.parametrize("name", TARGETS)
def test_the_committed_figures_meet_the_target(name: str) -> None:
    assert read_figures()["percent"]["single"][name] >= TARGETS[name]


@pytest.mark.parametrize(("width", "height"), NATIVE)
def test_no_native_size_is_much_worse_than_the_square_one(width: int, height: int) -> None:
    percents = read_figures()["percent"]
    for name, figure in percents["single"].items():
        assert percents[f"{width}x{height}"][name] >= figure - DROP, name


def test_a_big_yellow_star_on_black_is_yellow_on_black_for_twenty_seeds(artist: Artist) -> None:
    prompt = "a big yellow star on a black background"
    sights = [look(image) for image in artist.draw([artist.task(prompt, seed=seed) for seed in range(20)])]
    assert [(sight.colour, sight.background) for sight in sights] == [("yellow", "black")] * 20


def test_a_negative_prompt_drives_its_background_away(artist: Artist) -> None:
    def backgrounds(negatives: list[str]) -> list[str]:
        tasks = [
            artist.task("a star", seed=seed, steps=12, negative_prompt=negative)
            for seed, negative in enumerate(negatives)
        ]
        return [look(image).background for image in artist.draw(tasks)]

    free = backgrounds([""] * 12)
    driven = backgrounds([f"{colour} background" for colour in free])
    assert sum(before != after for before, after in zip(free, driven, strict=True)) >= 9


def test_enhancement_words_leave_a_sample_as_the_committed_figures_say(artist: Artist) -> None:
    tally = judge(artist, drowned(judged_scenes(SAMPLE), 60))
    for name, figure in read_figures()["percent"]["drowned in 60 words"].items():
        assert percent(tally[name]) >= figure - SCATTER, name


@pytest.mark.parametrize("size", [*NATIVE, (64, 64), (256, 256)], ids=str)
def test_every_native_size_comes_out_with_its_background(artist: Artist, size: tuple[int, int]) -> None:
    tally = judge(artist, judged_scenes(6, seed=sum(size)), size)
    assert sum(tally["background"]) >= 5


def test_the_vae_gives_scenes_back_sharply(artist: Artist) -> None:
    assert _psnr(artist) >= 30


def test_the_model_is_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()) <= 40_000_000


def test_the_palette_is_told_apart() -> None:
    colours = np.array(list(COLOURS.values()), float)
    distances = np.sqrt(((colours[:, None] - colours[None]) ** 2).sum(axis=2)) + 999 * np.eye(len(colours))
    assert distances.min() > 48


def _psnr(artist: Artist) -> float:
    """Mean PSNR in dB of encoding and decoding 24 held-out scenes at 128x128."""
    import torch

    vae, random = artist.registry.sdxl("shapes-xl").vae, Random(7)
    scenes = [random_scene(random, held_out=True, pair=index % 4 == 3) for index in range(24)]
    truth = np.stack([np.asarray(draw_scene(scene, 128, 128, random), np.float32) for scene in scenes])
    with torch.inference_mode():
        inputs = torch.from_numpy(truth).permute(0, 3, 1, 2) / 127.5 - 1
        drawn = vae.decode(vae.encode(inputs).latent_dist.mode()).sample.clamp(-1, 1)
    levels = ((drawn + 1) * 127.5).permute(0, 2, 3, 1).numpy()
    errors = ((levels - truth) ** 2).mean(axis=(1, 2, 3))
    return float((10 * np.log10(255**2 / errors)).mean())
