"""Prompt editing reads as AUTOMATIC1111's users write it."""

from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.prompt_editing import in_second_pass, texts

STEPS = 10
NOTES = "((a][:b:c "


def schedule(prompt: str, steps: int = STEPS) -> list[tuple[int, str]]:
    """Until which step the prompt is what."""
    runs = [(text, len(list(run))) for text, run in groupby(texts(prompt, steps))]
    return [(sum(count for _, count in runs[: index + 1]), text) for index, (text, _) in enumerate(runs)]


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("a [red:blue:0.5] star", [(5, "a red star"), (10, "a blue star")]),
        ("[red:blue:3]", [(3, "red"), (10, "blue")]),
        ("[red:blue:1]", [(1, "red"), (10, "blue")]),
        ("[red:blue:0.0]", [(10, "blue")]),
        ("[red:blue:0]", [(10, "blue")]),
        ("[red:blue:-3]", [(10, "blue")]),
        ("[red:blue:1.0]", [(10, "red")]),
        ("[red:blue:10]", [(10, "red")]),
        ("[red:blue:999999999]", [(10, "red")]),
        ("a [b:3]", [(3, "a "), (10, "a b")]),
        ("a [b: 3 ]", [(3, "a "), (10, "a b")]),
        ("a[b::.25]", [(2, "ab"), (10, "a")]),
        ("a [b : c : 1] d", [(1, "a b  d"), (10, "a  c  d")]),
        ("a[b:[c:d:2]:1]e", [(1, "abe"), (2, "ace"), (10, "ade")]),
        ("a [[[b]]:2]", [(2, "a "), (10, "a [[b]]")]),
        ("[(a:2):3]", [(3, ""), (10, "(a:2)")]),
        ("[(a:1.2):[b]:0.5] (c:0.9)", [(5, "(a:1.2) (c:0.9)"), (10, "[b] (c:0.9)")]),
        ("([a:b:0.5]:1.3)", [(5, "(a:1.3)"), (10, "(b:1.3)")]),
        ("[[a:b:0.5]]", [(5, "[a]"), (10, "[b]")]),
        ("[a:0.2] [b:0.4]", [(2, " "), (4, "a "), (10, "a b")]),
        (r"[\[a\]:b:0.5]", [(5, r"\[a\]"), (10, "b")]),
    ],
)
def test_a_change_comes_after_its_steps(prompt: str, expected: list[tuple[int, str]]) -> None:
    assert schedule(prompt) == expected


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("[cow|horse] in a field", ["cow in a field", "horse in a field", "cow in a field", "horse in a field"]),
        ("[a|b|c]", ["a", "b", "c", "a"]),
        ("[|a]", ["", "a", "", "a"]),
        ("[a||b]", ["a", "", "b", "a"]),
        ("[a|(b:1.1)]", ["a", "(b:1.1)", "a", "(b:1.1)"]),
        ("[[a|b]|c]", ["a", "c", "a", "c"]),
        ("[[a|b]:c:2]", ["a", "b", "c", "c"]),
        ("[[a:b:1]|c]", ["a", "c", "b", "c"]),
        ("[a|b][c|d|e]", ["ac", "bd", "ae", "bc"]),
    ],
)
def test_alternating_words_take_turns(prompt: str, expected: list[str]) -> None:
    assert texts(prompt, 4) == expected


@pytest.mark.parametrize(
    "prompt",
    [
        *("", "a star", "(red:1.2) [star]", "16:9", "a | b", "[a:b]", "[0.5]", "[a:b:c:0.5]", "[a:b:soon]"),
        *("[a|b:0.5]", "[(a|b)]", "(a|b)", "[a:b:0.5", "a:b:0.5]", "[(a:b:0.5]", "([a:b)0.5]", r"\[a:b:0.5]"),
        *(r"[a:b:0.5\]", "\\", "[a:b:1e3]", "[a:b:]", "[:]", "[", "]", "[]", "a\nb"),
    ],
)
def test_what_is_not_that_syntax_is_text(prompt: str) -> None:
    assert texts(prompt, 3) == [prompt] * 3


def test_a_change_is_found_amid_brackets_that_belong_to_nothing() -> None:
    assert schedule(f"{NOTES}[d:3]") == [(3, NOTES), (10, f"{NOTES}d")]


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("a [red:blue:0.5] star", "a blue star"),
        ("[red:blue:8]", "blue"),
        ("[red:blue:1.0]", "blue"),
        ("[red:blue:1.25]", "[red:blue:0.250000000]"),
        ("[red:blue:13]", "[red:blue:3]"),
        ("[b:1.5]", "[:b:0.500000000]"),
        ("[a|[b:c:1.5]|]", "[a|[b:c:0.500000000]|]"),
        ("[a:[b:c:14]:0.3] [d]", "[b:c:4] [d]"),
    ],
)
def test_the_second_pass_of_two_has_steps_of_its_own(prompt: str, expected: str) -> None:
    assert in_second_pass(prompt, 10) == expected


def test_what_belongs_to_the_second_pass_does_not_happen_in_the_first() -> None:
    assert schedule("[red:blue:1.5] [a:b:15]") == [(10, "red a")]


@pytest.mark.parametrize("prompt", ["[" * 4000, "[a:" * 1000 + "b" + ":0.5]" * 600, "[|" * 1300 + "]" * 1300])
def test_depth_is_no_trouble(prompt: str) -> None:
    assert len(texts(prompt, 2)) == 2
    assert in_second_pass(prompt, 2) is not None


@given(st.text(alphabet="ab ()[]\\:|.15", max_size=60))
def test_every_prompt_reads_as_something(prompt: str) -> None:
    assert len(texts(prompt, 7)) == 7
    assert len(texts(in_second_pass(prompt, 7), 3)) == 3


@given(st.text(alphabet=st.characters(exclude_characters="[]"), max_size=60))
def test_a_prompt_without_square_brackets_is_left_as_it_is(prompt: str) -> None:
    assert texts(prompt, 2) == [prompt] * 2
    assert in_second_pass(prompt, 2) == prompt
