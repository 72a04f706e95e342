"""Figures as files and as tables in Markdown."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Target = dict[str, float]


def at_least(least: float, figure: float) -> Target:
    return {"is": round(figure, 3), "at_least": least}


def at_most(most: float, figure: float) -> Target:
    return {"is": round(figure, 3), "at_most": most}


def publish(figures: Mapping[str, Any], text: str, file: Path) -> None:
    """Writes the JSON file and, where a README.md lies beside it, the text between the marks of the file's name."""
    file.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    page = file.with_name("README.md")
    if page.is_file():
        page.write_text(placed(page.read_text(encoding="utf-8"), file.stem, text), encoding="utf-8")


def placed(page: str, name: str, text: str) -> str:
    """The page with `text` in place of what was between its marks. Raises ValueError where it has no such marks."""
    first, last = f"<!-- {name} -->", f"<!-- end of {name} -->"
    start, end = page.index(first) + len(first), page.index(last)
    return f"{page[:start]}\n{text}\n{page[end:]}"


def table(*lines: Sequence[object]) -> str:
    """The first line is the head."""
    head, *rest = (f"| {' | '.join(map(str, line))} |" for line in lines)
    return "\n".join([head, "|---" * len(lines[0]) + "|", *rest])


def ticks_table(by_size: Mapping[str, Mapping[str, float]]) -> str:
    """by_size: seconds of a tick by its rows, for each size."""
    rows = list(next(iter(by_size.values())))
    lines = [(size, *(f"{1000 * each:.1f}" for each in seconds.values())) for size, seconds in by_size.items()]
    return table(("milliseconds of a tick of so many rows", *rows), *lines)


def traffic_table(traffic: Mapping[str, Any]) -> str:
    """Of what `traffic.measure_traffic` found."""
    names = [f"{what}_{which}" for what in ("latency", "slowdown") for which in ("mean", "p50", "p99")]
    lines = [
        (load, policy, *(f"{figures[name]:.2f}" for name in names))
        for load, policies in traffic["by_load"].items()
        for policy, figures in policies.items()
    ]
    return table(("load", "policy", *(name.replace("_", " ") for name in names)), *lines)


def targets_table(targets: Mapping[str, Target]) -> str:
    words = {"at_least": "at least", "at_most": "at most"}
    lines = [
        (name, figure["is"], *(f"{words[bound]} {value}" for bound, value in figure.items() if bound in words))
        for name, figure in targets.items()
    ]
    return table(("target", "is", "should be"), *lines)
