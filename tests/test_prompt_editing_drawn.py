"""A prompt that changes on the way draws what its parts draw, each in its steps."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pipelines.torchvision_ops  # noqa: F401  (before diffusers)

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionXLPipeline

from pipelines.prompt_editing import texts
from pipelines.tasks import FirstPass
from tests.judge import look
from tests.shapes import FOLDER, Artist
from tests.test_stock import farthest, run

pytestmark = pytest.mark.draws
STEPS = 8
RED, BLUE = "a big red star on a white background", "a big blue star on a white background"


def edited(artist: Artist, prompt: str, **changes: Any) -> Any:
    return artist.task(prompt, seed=5, steps=STEPS, **changes)


@pytest.mark.parametrize(
    ("prompt", "plain"),
    [
        ("a big [red:blue:0.0] star on a white background", BLUE),
        ("a big [red:blue:0] star on a white background", BLUE),
        ("a big [red:blue:1.0] star on a white background", RED),
        ("a big [red|red] star on a white background", RED),
        ("a big [red|[blue:red:0]] star on a white background", RED),
    ],
)
def test_what_never_changes_is_the_plain_prompt_to_the_bit(artist: Artist, prompt: str, plain: str) -> None:
    ours, expected = artist.draw([edited(artist, prompt)])[0], artist.draw([edited(artist, plain)])[0]
    assert ours.tobytes() == expected.tobytes()


def test_colours_change_where_there_are_steps_left_for_them(artist: Artist) -> None:
    prompts = [f"a big [red:blue:{when}] star on a white background" for when in ("0.13", "0.95")]
    early, late = artist.draw([edited(artist, prompt) for prompt in prompts])
    assert (look(early).colour, look(late).colour) == ("blue", "red")


@pytest.mark.parametrize(
    ("prompt", "negative"),
    [
        ("a big [red:blue:3] star on a white background", "green"),
        ("a big [red|blue|green] star on a white background", "[yellow:pink:0.5]"),
    ],
)
def test_the_stock_pipeline_draws_the_same_with_other_words_at_each_step(
    artist: Artist, stock: StableDiffusionXLPipeline, prompt: str, negative: str
) -> None:
    task = edited(artist, prompt, negative_prompt=negative, sampler="euler")
    (ours,) = artist.draw([task])
    said = [*zip(texts(prompt, STEPS), texts(negative, STEPS), strict=True)]
    first = replace(task, prompt=said[0][0], negative_prompt=said[0][1])
    theirs = run(stock, first, height=128, width=128, callback_on_step_end=saying(said))
    assert farthest(ours, theirs) <= 1


def test_a_prompt_that_changes_does_not_feel_its_neighbours(artist: Artist) -> None:
    long = edited(artist, f"a big [red:{'very ' * 80}blue:0.5] star on a white background", negative_prompt="[a|b]")
    others = [edited(artist, RED), edited(artist, "a [small|big] green circle", sampler="heun")]
    (alone,), together = artist.draw([long]), artist.draw([long, *others])
    assert farthest(together[0], np.asarray(alone) / 255) <= 1


def test_the_second_pass_has_changes_of_its_own(artist: Artist) -> None:
    """The whole second pass is drawn anew, at a strength of 1, so that its colour alone is seen."""
    passes = FirstPass(64, 64, 2, 1.0)
    prompts = [f"a big [red:blue:{when}] star on a white background" for when in ("1.0", "2.0")]
    colours = [look(each).colour for each in artist.draw([edited(artist, p, first_pass=passes) for p in prompts])]
    assert colours == ["blue", "red"]


def saying(said: list[tuple[str, str]]) -> Callable[..., dict[str, torch.Tensor]]:
    """What the stock pipeline calls behind every step: it goes on with the next words."""

    def said_next(pipeline: Any, step: int, timestep: Any, state: dict[str, Any]) -> dict[str, torch.Tensor]:
        prompt, negative = said[min(step + 1, len(said) - 1)]
        told, not_told, pooled, not_pooled = pipeline.encode_prompt(
            prompt, negative_prompt=negative, do_classifier_free_guidance=True
        )
        return {"prompt_embeds": torch.cat([not_told, told]), "add_text_embeds": torch.cat([not_pooled, pooled])}

    return said_next


@pytest.fixture(scope="module")
def stock() -> StableDiffusionXLPipeline:
    return StableDiffusionXLPipeline.from_pretrained(
        FOLDER, dtype=torch.float32, local_files_only=True, add_watermarker=False
    )
