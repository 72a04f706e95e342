"""How soon jobs end one after the other here, and so how long a queue takes."""

import time

WEIGHT = 0.1  # of the latest job in the average


class Pace:
    """A job that was alone counts with the time that it took, one that shared ticks with what it added."""

    def __init__(self) -> None:
        self._seconds: float | None = None
        self._ended: float | None = None  # as time.monotonic() tells it

    def note_end(self, seconds: float) -> None:
        """A job was drawn in so many seconds."""
        now = time.monotonic()
        since = seconds if self._ended is None else min(seconds, now - self._ended)
        self._ended = now
        self._seconds = since if self._seconds is None else self._seconds + WEIGHT * (since - self._seconds)

    def seconds_for(self, jobs: float) -> float | None:
        """None until a job has ended here."""
        return None if self._seconds is None else self._seconds * jobs
