"""How this program logs: one line an event on stderr, from the server and from its child processes alike."""

import sys
from typing import Any, Literal

import structlog

Form = Literal["auto", "text", "json"]


def configure_logs(form: Form = "auto") -> None:
    """auto: text for people on a terminal, JSON elsewhere. Tracebacks without values: those may be prompts."""
    colours = sys.stderr.isatty()
    plain = structlog.dev.ConsoleRenderer(colors=colours, exception_formatter=structlog.dev.plain_traceback)
    json: list[Any] = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            *([plain] if form == "text" or (form == "auto" and colours) else json),
        ],
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
    )
