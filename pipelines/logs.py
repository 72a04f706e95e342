"""How this program logs: one line an event on stderr, from the server and from its child processes alike."""

import sys
from typing import Any

import structlog


def configure_logs() -> None:
    """For people on a terminal, JSON elsewhere. Tracebacks without values: those may be prompts."""
    plain = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    json: list[Any] = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            *([plain] if sys.stderr.isatty() else json),
        ],
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
    )
