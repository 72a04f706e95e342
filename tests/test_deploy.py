"""What deploy/ promises: units that systemd takes, a compose file that fits ours, figures and labels that there are."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipelines.counters import Counters
from server.metrics import Metrics
from server.secret_files import variable
from server.settings import Settings
from tests.server.test_documents import rows

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
SYSTEMD_ANALYZE = shutil.which("systemd-analyze")
PROMTOOL = shutil.which("promtool")  # Debian: in the package prometheus
COMPOSE_FILES = ("-f", "compose.yaml", "-f", "deploy/compose.postgres.yaml")
SUFFIXES = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_count", "_sum")}
PROMETHEUS_OWN = {"le", "job"}  # labels
OURS = re.compile(r"\bdarkroom_\w+")


def succeeds(*command: str | Path | None) -> str:
    """What it said on both streams."""
    run = subprocess.run(
        [str(word) for word in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=60,
    )
    assert run.returncode == 0, run.stdout
    return run.stdout


def there_are() -> set[str]:
    """Every name under which Prometheus finds a figure of ours."""
    families = Metrics(Counters).registry.collect()
    return {family.name + suffix for family in families for suffix in SUFFIXES[family.type]}


def expressions() -> Iterator[str]:
    for panel in json.loads((DEPLOY / "grafana.json").read_text())["panels"]:
        yield from (target["expr"] for target in panel["targets"])
    for group in yaml.safe_load((DEPLOY / "alerts.yml").read_text())["groups"]:
        yield from (rule["expr"] for rule in group["rules"])


@pytest.mark.parametrize("expression", sorted(set(expressions())))
def test_a_figure_that_is_shown_or_watched_exists_with_its_labels(expression: str) -> None:
    labels = {name.strip("`"): set(said.split(", ")) - {""} for name, said, _ in rows("operations.md", "darkroom_")}
    names = set(OURS.findall(expression))
    assert names <= there_are()
    assert names or expression.startswith("up{")
    known = set().union(*(labels[re.sub("_(bucket|count|sum)$", "", name)] for name in names))
    asked = {label for listed in re.findall(r"by \((.*?)\)", expression) for label in listed.split(", ")}
    asked |= set(re.findall(r'(\w+)="', expression))
    assert asked <= known | PROMETHEUS_OWN


def test_the_dashboard_shows_every_figure_once_and_lies_in_a_grid() -> None:
    board = json.loads((DEPLOY / "grafana.json").read_text())
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in board["panels"]]
    assert len(set(places)) == len(places) == len({panel["id"] for panel in board["panels"]})
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in board["panels"])
    shown = set(OURS.findall(json.dumps(board)))
    stems = {re.sub("_(bucket|count|sum|total)$", "", name) for name in shown}
    assert stems == {family.name for family in Metrics(Counters).registry.collect()}


def test_the_alerts_and_the_scrape_belong_together() -> None:
    config = yaml.safe_load((DEPLOY / "prometheus.yml").read_text())
    assert all((DEPLOY / name).is_file() for name in config["rule_files"])
    [scrape] = config["scrape_configs"]
    assert scrape["job_name"] == "darkroom"  # as the alerts have it
    assert "credentials_file" in scrape["authorization"], "no key stands in the file itself"


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed")
def test_prometheus_takes_the_scrape_and_the_alerts(tmp_path: Path) -> None:
    (tmp_path / "darkroom.key").touch()
    config = (DEPLOY / "prometheus.yml").read_text().replace("/etc/prometheus", str(tmp_path))
    (tmp_path / "prometheus.yml").write_text(config)
    shutil.copy(DEPLOY / "alerts.yml", tmp_path)
    said = succeeds(PROMTOOL, "check", "config", "--lint-fatal", tmp_path / "prometheus.yml")
    assert "6 rules found" in said


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed")
def test_each_alert_is_given_when_it_is_due_and_not_before() -> None:
    succeeds(PROMTOOL, "test", "rules", ROOT / "tests" / "alerts.yml")


def test_each_alert_is_tried_when_it_is_due_and_when_all_is_well() -> None:
    every = {
        rule["alert"]
        for group in yaml.safe_load((DEPLOY / "alerts.yml").read_text())["groups"]
        for rule in group["rules"]
    }
    tried = [
        case
        for test in yaml.safe_load((ROOT / "tests" / "alerts.yml").read_text())["tests"]
        for case in test["alert_rule_test"]
    ]
    assert every == {case["alertname"] for case in tried if "exp_alerts" in case}
    assert every == {case["alertname"] for case in tried if "exp_alerts" not in case}


@pytest.mark.skipif(SYSTEMD_ANALYZE is None, reason="systemd is not installed")
def test_systemd_takes_the_units(tmp_path: Path) -> None:
    units = sorted([*DEPLOY.glob("*.service"), *DEPLOY.glob("*.timer")])
    for unit in units:
        (tmp_path / unit.name).write_text(unit.read_text().replace("/opt/darkroom/.venv/bin/darkroom", "/bin/true"))
    said = succeeds(SYSTEMD_ANALYZE, "verify", "--man=no", *(tmp_path / unit.name for unit in units))
    assert said == ""


@pytest.mark.parametrize("name", ["darkroom.service", "darkroom-backup.service"])
def test_a_unit_gives_up_every_right_that_it_does_not_need(name: str) -> None:
    lines = (DEPLOY / name).read_text().splitlines()
    assert {"NoNewPrivileges=yes", "CapabilityBoundingSet=", "ProtectSystem=strict", "ProtectHome=yes"} <= set(lines)
    assert "User=darkroom" in lines


def test_a_unit_names_settings_that_there_are() -> None:
    known = {variable(name) for name in Settings.model_fields}
    named = {name for file in DEPLOY.iterdir() for name in re.findall(r"DARKROOM_[A-Z_]+", file.read_text())}
    assert {name.removesuffix("_FILE") for name in named} <= known


def test_the_stop_of_a_unit_leaves_time_to_finish_what_is_drawn() -> None:
    [seconds] = re.findall(r"^TimeoutStopSec=(\d+)$", (DEPLOY / "darkroom.service").read_text(), re.MULTILINE)
    assert int(seconds) > Settings.model_fields["drain_seconds"].default


def test_compose_with_postgresql_adds_a_database_that_nobody_else_reaches() -> None:
    both: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.postgres.yaml").read_text())
    server, database = both["services"]["darkroom"], both["services"]["database"]
    assert both["services"].keys() - yaml.safe_load((ROOT / "compose.yaml").read_text())["services"].keys() == {
        "database"
    }
    assert both["networks"]["store"]["internal"] is True
    assert (database["networks"], "ports" in database) == (["store"], False)
    assert "store" in server["networks"]
    assert server["environment"]["DARKROOM_DATABASE_URL"].startswith("postgresql://darkroom:${POSTGRES_PASSWORD:?")
    assert "[postgres]" in (ROOT / "Dockerfile.cuda").read_text(), "the driver is in the image"


@pytest.fixture
def compose(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """What compose makes of both files under some variables; it needs no daemon for that, and finds no `.env` here."""
    words = next((words for words in (["docker", "compose"], ["docker-compose"]) if runs(*words, "version")), None)
    if words is None:
        pytest.skip("compose is not installed")
    shutil.copy(ROOT / "compose.yaml", tmp_path)
    shutil.copytree(DEPLOY, tmp_path / "deploy")

    def read(**variables: str) -> subprocess.CompletedProcess[str]:
        known = {name: value for name, value in os.environ.items() if not name.startswith(("DARKROOM_", "POSTGRES_"))}
        return subprocess.run(
            [*words, *COMPOSE_FILES, "config"],
            cwd=tmp_path, env=known | variables, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip

    return read


def runs(*command: str) -> bool:
    return (
        shutil.which(command[0]) is not None
        and subprocess.run(command, capture_output=True, check=False).returncode == 0
    )


def test_compose_takes_both_files_as_one(compose: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    run = compose(DARKROOM_ADMIN_KEY="a-key-of-twenty-letters", POSTGRES_PASSWORD="letters")
    assert run.returncode == 0, run.stderr
    services = yaml.safe_load(run.stdout)["services"]
    server, database = services["darkroom"], services["database"]
    assert server["environment"]["DARKROOM_ADMIN_KEY"] == "a-key-of-twenty-letters"
    assert server["environment"]["DARKROOM_DATABASE_URL"] == "postgresql://darkroom:letters@database/darkroom"
    assert (set(server["networks"]), set(database["networks"])) == ({"default", "store"}, {"store"})
    assert (server["read_only"], server["cap_drop"], "ports" in database) == (True, ["ALL"], False)


@pytest.mark.parametrize("given", ["DARKROOM_ADMIN_KEY", "POSTGRES_PASSWORD"])
def test_compose_asks_for_each_secret(compose: Callable[..., subprocess.CompletedProcess[str]], given: str) -> None:
    run = compose(**{given: "a-secret-of-twenty-letters"})
    assert run.returncode != 0
    assert "into .env" in run.stderr
