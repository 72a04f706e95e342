"""uvicorn's server, told to stop: first it finishes what it draws, answering meanwhile; the second time it is over."""

import math
import signal
import sys
import time
from types import FrameType

import structlog
import uvicorn
from fastapi import FastAPI

from server.cli.composing import STARTUP_FAILURE
from server.jobs import Jobs
from server.settings import Settings

QUIET_TICKS = 5  # of uvicorn, which are 0.1 seconds
MOST_TICKS = 30

log = structlog.get_logger()


def listen(app: FastAPI, settings: Settings) -> None:
    """Until a signal ends it. Proxies are the application's own business: uvicorn would trust all of this machine."""
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        ssl_certfile=settings.tls_certificate,
        ssl_keyfile=settings.tls_key,
        proxy_headers=False,
        log_config=None,
        access_log=False,
        server_header=False,
    )
    server = DrainingServer(config, app.state.parts.jobs, settings.drain_seconds)
    server.run()
    if not server.started:
        sys.exit(STARTUP_FAILURE)


class DrainingServer(uvicorn.Server):
    """At the first signal: no new jobs, until those that the worker has have ended and nobody comes any more, or
    `drain_seconds` are over; what is left stays owed, for the next start. Then uvicorn's own end, in what is left of
    that time: it answers the requests that it has, closes, and stops the application.

    At the second signal the process dies of it, and with it its children.
    """

    def __init__(self, config: uvicorn.Config, jobs: Jobs, drain_seconds: float) -> None:
        super().__init__(config)
        self._jobs = jobs
        self._drain_seconds = drain_seconds
        self._end: float | None = None  # of the drain, as time.monotonic() tells it
        self._answered: list[int] = []  # requests in all, at each tick since the last job ended

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self._end is not None:
            signal.signal(sig, signal.SIG_DFL)
            signal.raise_signal(sig)
        self._jobs.close()
        self._end = time.monotonic() + self._drain_seconds

    async def on_tick(self, counter: int) -> bool:
        """uvicorn calls it ten times a second, and ends when it gives True."""
        if self._end is not None and not self.should_exit:
            left, unfinished = self._end - time.monotonic(), self._jobs.here
            if left <= 0 or (not unfinished and self._nobody_comes()):
                log.info("server_stopping", unfinished_jobs=unfinished)
                self.config.timeout_graceful_shutdown = max(1, math.ceil(left))
                self._jobs.leave()
                self.should_exit = True
        return await super().on_tick(counter)

    def _nobody_comes(self) -> bool:
        """Whether half a second, or three in all, went by without an answer: who connects while uvicorn closes gets a
        reset, where a 503 would send them elsewhere. In ticks, not seconds: requests wait for a loop that is held up.
        """
        self._answered.append(self.server_state.total_requests)
        latest = self._answered[-1 - QUIET_TICKS :]
        is_quiet = len(latest) > QUIET_TICKS and latest[0] == latest[-1]
        return is_quiet or len(self._answered) > MOST_TICKS
