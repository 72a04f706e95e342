"""Emphasis reads as AUTOMATIC1111's users write it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.sdxl.emphasis import pieces


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("normal text", [("normal text", 1.0)]),
        ("", [("", 1.0)]),
        ("an (important) word", [("an ", 1.0), ("important", 1.1), (" word", 1.0)]),
        ("((a))", [("a", 1.21)]),
        ("[a]", [("a", 0.909)]),
        ("[[a]]", [("a", 0.826)]),
        ("(a:1.5) star", [("a", 1.5), (" star", 1.0)]),
        ("(a:.5)", [("a", 0.5)]),
        ("(a: 2 )", [("a", 2.0)]),
        ("(a (b:2):2)", [("a ", 2.0), ("b", 4.0)]),
        ("(unbalanced", [("unbalanced", 1.1)]),
        ("closed) again]", [("closed) again]", 1.0)]),
        ("(one)(two)", [("onetwo", 1.1)]),
        (r"\(plain\] \\", [(r"(plain] " + "\\", 1.0)]),
        (r"a\b", [(r"a\b", 1.0)]),
        ("ratio 16:9", [("ratio 16:9", 1.0)]),
        ("no bracket:1.5)", [("no bracket:1.5)", 1.0)]),
        ("(word:many)", [("word:many", 1.1)]),
        (
            "a (((house:1.3)) [on] a (hill:0.5), sun, (((sky))).",
            [
                ("a ", 1.0),
                ("house", 1.573),
                (" ", 1.1),
                ("on", 1.0),
                (" a ", 1.1),
                ("hill", 0.55),
                (", sun, ", 1.1),
                ("sky", 1.4641),
                (".", 1.1),
            ],
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_prompt_is_cut_where_its_weight_changes(prompt: str, expected: list[tuple[str, float]]) -> None:
    found = pieces(prompt)
    assert [piece.text for piece in found] == [text for text, _ in expected]
    assert [piece.weight for piece in found] == pytest.approx([weight for _, weight in expected], abs=1e-3)


@given(st.text(alphabet="ab ()[]\\:1.5,", max_size=60))
def test_every_prompt_reads_as_something(prompt: str) -> None:
    assert pieces(prompt)


@given(st.text(alphabet=st.characters(exclude_characters="()[]\\"), max_size=60))
def test_a_prompt_without_brackets_is_left_as_it_is(prompt: str) -> None:
    assert pieces(prompt) == [(prompt, 1.0)]
