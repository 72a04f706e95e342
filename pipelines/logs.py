"""How this program logs: one line an event on stderr, from the server and from its child processes alike."""

import logging
import sys
from dataclasses import dataclass
from typing import Any, Literal

import structlog

Form = Literal["auto", "text", "json"]
Level = Literal["debug", "info", "warning"]


@dataclass(frozen=True, slots=True)
class Logs:
    """form: auto is text for people on a terminal, and JSON elsewhere. level: of the least that is told."""

    form: Form = "auto"
    level: Level = "info"


def configure_logs(logs: Logs = Logs()) -> None:  # it never changes
    """Tracebacks come without values: those may be prompts."""
    colours = sys.stderr.isatty()
    plain = structlog.dev.ConsoleRenderer(colors=colours, exception_formatter=structlog.dev.plain_traceback)
    json: list[Any] = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            *([plain] if logs.form == "text" or (logs.form == "auto" and colours) else json),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[logs.level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
    )
