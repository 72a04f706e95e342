"""How late the event loop is: whoever holds it up holds up every request."""

import asyncio

from server.metrics import Metrics

PAUSE_SECONDS = 0.5  # between two looks


async def watch_lag(metrics: Metrics) -> None:
    """Until it is cancelled."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + PAUSE_SECONDS
        await asyncio.sleep(PAUSE_SECONDS)
        metrics.loop_lag_seconds.observe(max(0.0, loop.time() - due))
