"""Log lines are events with fields, in the form that was asked for, and a traceback tells no values."""

import json
import subprocess
import sys

import pytest

PROGRAM = """
import sys, structlog
from pipelines.logs import Logs, configure_logs
configure_logs(Logs(sys.argv[1]))
structlog.get_logger().debug("tick")
def drawn(prompt):
    raise ValueError("it broke")
try:
    drawn("a secret wish")
except ValueError:
    structlog.get_logger().exception("job_failed", job="j")
"""


def logged(form: str) -> str:
    return subprocess.run([sys.executable, "-c", PROGRAM, form], capture_output=True, text=True, check=True).stderr


@pytest.mark.parametrize("form", ["json", "auto"])
def test_away_from_a_terminal_a_line_is_json(form: str) -> None:
    event = json.loads(logged(form))
    assert (event["event"], event["job"], event["level"]) == ("job_failed", "j", "error")
    assert "it broke" in event["exception"]


def test_text_is_text_everywhere_and_without_colours_in_a_file() -> None:
    text = logged("text")
    assert "job_failed" in text
    assert "job=j" in text
    assert "\x1b" not in text


@pytest.mark.parametrize("form", ["json", "text"])
def test_a_traceback_shows_no_values(form: str) -> None:
    assert "prompt=" not in logged(form)
