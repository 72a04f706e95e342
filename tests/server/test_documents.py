"""The tables for operators name what there is: every setting with its default, and every metric."""

import re
from pathlib import Path

import pytest

from benchmarking.tables import placed
from pipelines.counters import Counters
from server.metrics import Metrics
from tests.server.serving import Served
from write_configuration import fields, settings_table

DOCS = Path(__file__).parents[2] / "docs"


def rows(page: str, name: str) -> list[list[str]]:
    """The cells of the table rows whose first one is such a name."""
    lines = (DOCS / page).read_text(encoding="utf-8").splitlines()
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if re.match(rf"\| `{name}", line)]


def test_the_table_of_settings_is_the_one_that_the_class_makes() -> None:
    page = (DOCS / "configuration.md").read_text(encoding="utf-8")
    assert page == placed(page, "settings", settings_table()), "run scripts/write_configuration.py"


def test_every_setting_says_what_it_is_for() -> None:
    assert [name for name, field in fields().items() if not field.description] == []


@pytest.fixture(scope="module")
def metrics() -> dict[str, set[str]]:
    """The labels of every metric, as the table has them."""
    return {name.strip("`"): set(labels.split(", ")) - {""} for name, labels, _ in rows("operations.md", "darkroom_")}


def test_every_metric_is_listed(shared: Served, metrics: dict[str, set[str]]) -> None:
    told = re.findall(r"# HELP (\w+)", shared.client.get("/metrics").text)
    assert set(metrics) == {name for name in told if not name.endswith("_created")}


def test_every_metric_is_listed_with_its_labels(shared: Served, metrics: dict[str, set[str]]) -> None:
    shared.client.post("/v1/images/generations", json={"prompt": "a red star"}).raise_for_status()
    told = re.findall(r"^(darkroom_\w+?)(?:_bucket)?{(.*?)}", shared.client.get("/metrics").text, flags=re.MULTILINE)
    labels = {name: set(re.findall(r'(\w+)="', said)) - {"le"} for name, said in told if name in metrics}
    assert {"darkroom_ended_jobs_total", "darkroom_http_seconds"} <= set(labels)
    assert labels == {name: metrics[name] for name in labels}


def test_every_metric_takes_the_labels_of_its_row(metrics: dict[str, set[str]]) -> None:
    """Also those of which a server that has just begun shows no line."""
    ours = Metrics(Counters)
    for name, labels in metrics.items():
        if labels:
            stem = name.removeprefix("darkroom_").removesuffix("_total")
            getattr(ours, stem).labels(**dict.fromkeys(labels, "x"))  # raises where they are not its own
