"""The figures in README.md are the ones that were measured: its words are made here out of the files in benchmarks/."""

import json
from typing import Any

import pytest

from tests.docs.pages import ROOT


def measured(name: str) -> Any:
    return json.loads((ROOT / "benchmarks" / f"{name}.json").read_text(encoding="utf-8"))


TORTURE = {row["promise"]: row for row in measured("torture")["rows"].values()}
TRAFFIC = measured("engine")["traffic"]
OBEYS = measured("shapes")
SERVING = measured("serving")["seconds_a_picture_over_http"]


def count(promise: str) -> int:
    return int(TORTURE[promise]["count"])


def slowdown(policy: str) -> float:
    return float(TRAFFIC["by_load"]["0.8"][policy]["slowdown_p99"])


@pytest.mark.parametrize(
    "words",
    [
        f"killed at each of {count('A step happens as a whole or not at all')} operations",
        f"{count('A request sent again is drawn once'):,} requests",
        f"of {count('A limit is exact')} at once",
        f"{count('A webhook arrives, signed, at least once')} of {count('A webhook arrives, signed, at least once')}",
        f"of {OBEYS['prompts']['single']} prompts",
        f"shape {OBEYS['percent']['single']['shape']:g} %, colour {OBEYS['percent']['single']['colour']:g} %",
        f"place {OBEYS['percent']['single']['place']:g} %; of pairs, both in {OBEYS['percent']['pair']['both']:g} %",
        f"takes {SERVING['1']:.1f} seconds over HTTP, and eight at once {SERVING['8']:.1f} each",
        f"the slowest of {TRAFFIC['tasks']} tasks took {slowdown('by steps'):.1f} times",
        f"one at a time makes it {slowdown('one at a time'):.0f}",
    ],
)
def test_the_readme_has_the_figure_that_was_measured(words: str) -> None:
    text = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    assert words in text


def test_what_the_readme_tells_of_the_torture_came_of_it() -> None:
    results = " ".join(row["result"] for row in TORTURE.values())
    told = ("all arrived", "200 jobs, each drawn once", "17 accepted", " 0 between", "up to 5 APIs in one tick")
    assert [words for words in told if words not in results] == []
