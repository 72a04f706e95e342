"""LoRAs may be asked for inside a prompt; what is not quite a tag is a word like any other."""

import pytest

from pipelines.lora_tags import taken_out
from pipelines.tasks import Lora


@pytest.mark.parametrize(
    ("prompt", "rest", "loras"),
    [
        ("a star", "a star", ()),
        ("a star <lora:ink:0.8>", "a star", (Lora("ink", 0.8),)),
        ("<lora:ink> a star", "a star", (Lora("ink", 1.0),)),
        ("a <lora:ink:-.5> star", "a star", (Lora("ink", -0.5),)),
        ("<lora:ink:1><lora:chalk v2:2>a star", "a star", (Lora("ink", 1.0), Lora("chalk v2", 2.0))),
        ("a star <lora:ink:much>", "a star <lora:ink:much>", ()),
        ("a star <lora:>", "a star <lora:>", ()),
        ("a  star", "a  star", ()),
    ],
    ids=["none", "scaled", "whole", "negative", "two", "no number", "no name", "spaces are left alone"],
)
def test_tags_are_taken_out_of_the_prompt(prompt: str, rest: str, loras: tuple[Lora, ...]) -> None:
    assert taken_out(prompt) == (rest, loras)
