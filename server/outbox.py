"""The loop that empties the outbox: sends what is due, several at once, and tries again later what did not arrive."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

import structlog

from server.errors import DeliveryUnknown
from server.metrics import Metrics
from server.store import outbox as rows
from server.store.database import Database
from server.store.messages import WAITING
from server.store.outbox import Attempt, Message

AT_ONCE = 32
AT_ONCE_EACH = 4  # to one lane, so that a slow receiver holds up nobody else
LOOK_SECONDS = 1.0  # between two looks: other processes write messages too
LEASE_SECONDS = 3600.0  # longer than any attempt may take: that of a job with many pictures above all
LOG_SECONDS = 7 * 86_400.0  # how long what is over stays in the log
SWEEP_SECONDS = 600.0
LONGEST_WAIT_SECONDS = 86_400.0  # that a receiver may ask for
JITTER = 0.1  # of a pause, so that what failed together does not come again together
# Standard Webhooks 1.0.0, "Retry schedule".
PAUSES = (5.0, 300.0, 1800.0, 7200.0, 18_000.0, 36_000.0, 50_400.0, 72_000.0, 86_400.0)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one attempt went. result: retry is tried again, failed is not; unwanted leaves no trace.

    status: HTTP's, where there was an answer. sentence: what was wrong. after: seconds that the receiver asks us to
    wait. pauses: between attempts, where this receiver has its own.
    """

    result: Literal["delivered", "retry", "failed", "unwanted"]
    status: int | None = None
    sentence: str | None = None
    after: float = 0.0
    pauses: Sequence[float] | None = None


Send = Callable[[Message], Awaitable[Outcome]]


class Outbox:
    """senders: by kind of message. holder: the name of this process. pauses: seconds between attempts."""

    def __init__(
        self,
        database: Database,
        senders: Mapping[str, Send],
        holder: str,
        metrics: Metrics,
        pauses: Sequence[float] = (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._senders = senders
        self._holder = holder
        self._metrics = metrics
        self._pauses = pauses or PAUSES
        self._clock = clock
        self._news = asyncio.Event()
        self._busy: Counter[str] = Counter()
        self._sending: set[asyncio.Task[None]] = set()
        self._loop: asyncio.Task[None] | None = None
        self._is_stopping = False

    def start(self) -> None:
        self._loop = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """What is on its way is given back: it may arrive twice, and is not lost."""
        self._is_stopping = True
        self._news.set()
        if self._loop is not None:
            await self._loop
        for task in self._sending:
            task.cancel()
        await asyncio.gather(*self._sending, return_exceptions=True)
        try:
            await self._database.write(rows.release, [self._holder], self._clock())
        except Exception:
            log.exception("outbox_not_released")

    def wake(self) -> None:
        """There is something new."""
        self._news.set()

    async def again(self, account: str, message_id: str) -> None:
        """Send a message once more, under its id. Raises DeliveryUnknown, for those of others too."""
        if not await self._database.write(rows.again, account, message_id, self._clock()):
            raise DeliveryUnknown
        self.wake()

    async def waiting(self) -> dict[str, int]:
        """How many messages wait, by kind."""
        return dict.fromkeys(self._senders, 0) | await self._database.read(rows.waiting)

    async def _run(self) -> None:
        swept = 0.0
        while not self._is_stopping:
            self._news.clear()
            pause = LOOK_SECONDS
            try:
                if time.monotonic() - swept > SWEEP_SECONDS:
                    swept = time.monotonic()
                    await self._database.write(rows.purge, self._clock() - LOG_SECONDS)
                pause = await self._take()
            except Exception:  # the database may be back soon
                log.exception("outbox_failed")
            with suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), pause)

    async def _take(self) -> float:
        """Begin to send what is due; seconds until there may be more."""
        while (free := AT_ONCE - len(self._sending)) > 0 and not self._is_stopping:
            due, now = await self._database.read(rows.next_due), self._clock()
            if due is None or due > now:
                return LOOK_SECONDS if due is None else min(LOOK_SECONDS, due - now)
            mine = self._holder, now, now + LEASE_SECONDS
            taken = await self._database.write(rows.claim, *mine, free, dict(self._busy), AT_ONCE_EACH)
            if not taken:
                break
            for message in taken:
                self._begin(message)
        return LOOK_SECONDS  # sooner, when one of those that are being sent has ended

    def _begin(self, message: Message) -> None:
        self._busy[message.lane] += 1
        task = asyncio.create_task(self._send(message))
        self._sending.add(task)

        def end(task: asyncio.Task[None]) -> None:
            self._sending.discard(task)
            self._busy[message.lane] -= 1
            self._news.set()

        task.add_done_callback(end)

    async def _send(self, message: Message) -> None:
        try:
            outcome = await self._senders[message.kind](message)
        except Exception:  # whatever a receiver can do to us, the others get their messages
            log.exception("message_not_sent", message=message.id, kind=message.kind)
            outcome = Outcome("retry", sentence="Something went wrong in the server; its log tells more.")
        try:
            await self._settle(message, outcome)
        except Exception:  # its lease runs out, and it is sent again
            log.exception("message_not_settled", message=message.id)

    async def _settle(self, message: Message, outcome: Outcome) -> None:
        if outcome.result == "unwanted":
            await self._database.write(rows.drop, message.id)
            return
        pause = self._pause(message, outcome)
        now, state, next_try = self._clock(), WAITING, None
        if pause is None:
            state = rows.DELIVERED if outcome.result == "delivered" else rows.FAILED
        else:
            next_try = now + pause
        attempt = Attempt(now, outcome.status, outcome.sentence)
        await self._database.write(rows.settle, message, self._holder, attempt, state, next_try)
        result = "retry" if state == WAITING else state
        self._metrics.outbox_attempts.labels(message.kind, result).inc()
        log.info("message_tried", message=message.id, kind=message.kind, result=result, status=outcome.status)

    def _pause(self, message: Message, outcome: Outcome) -> float | None:
        """Seconds until the next attempt, None where this was the last."""
        pauses = self._pauses if outcome.pauses is None else outcome.pauses
        if outcome.result != "retry" or message.attempts >= len(pauses):
            return None
        pause = pauses[message.attempts] * (1 + JITTER * random.random())
        return max(pause, min(outcome.after, LONGEST_WAIT_SECONDS))
