"""The loop that draws, in three verbs: admit, tick, finish. One thread calls it; it knows nothing of threads."""

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from typing import Any

import structlog
import torch

from pipelines.catalog import Catalog
from pipelines.counters import Counters
from pipelines.engine.memory import Memory
from pipelines.engine.pieces import device_is_lost, in_pieces
from pipelines.engine.pipeline import Draft
from pipelines.engine.pool import Pool, PoolKey, front
from pipelines.engine.protocol import Cancelled, Event, Failed, Finished, Previewed, Progressed, Started, Terms
from pipelines.engine.rows import Rows
from pipelines.engine.running import Made, Order, Piece, Prepared, Running
from pipelines.engine.turns import Turns
from pipelines.errors import DarkroomError, DeadlinePassed, DrawingFailed, OutOfMemory
from pipelines.preparing import Preparer
from pipelines.registry import Registry
from pipelines.tasks import Task
from pipelines.threads import one_thread

log = structlog.get_logger("engine")

# Rows admitted at once: enough to fill ticks, few enough that the rest waits as plain tasks.
MAX_ADMITTED_ROWS = 64
PREVIEWS = 8  # of a picture while it is drawn


class Engine:
    """Takes jobs, tells events. Rows of different jobs share ticks; they join and leave between ticks.

    clock: seconds since the epoch.
    """

    def __init__(
        self,
        catalog: Catalog,
        registry: Registry,
        tell: Callable[[Event], None],
        memory: Memory | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._prepare, self._tell = Preparer(catalog, registry), tell
        self._memory = memory or Memory(Rows())
        self._tally = registry.tally
        self._clock = clock
        self._submitted = 0
        self._waiting: dict[str, Order] = {}
        self._running: dict[str, Running] = {}
        self._pools: dict[PoolKey, Pool] = {}
        self._turns = Turns()

    @property
    def running(self) -> int:
        return len(self._running)

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def submit(self, job_id: str, task: Task, terms: Terms | None = None) -> None:
        terms = terms or Terms()
        if terms.account not in (active := self._accounts()):
            self._turns.welcome(terms.account, active)
        self._waiting[job_id] = Order(job_id, task, terms, self._submitted, self._clock())
        self._submitted += 1

    def cancel(self, job_id: str) -> None:
        """Forget a job, waiting or running; unknown and finished ones are ignored."""
        if self._drop(job_id):
            self._tell(Cancelled(job_id))

    def cancel_all(self) -> None:
        for job_id in [*self._running, *self._waiting]:
            self.cancel(job_id)

    def turn(self) -> bool:
        """Admit what waits, move one pool on by one tick, finish what is done. False: there was nothing to do."""
        with one_thread() if self._memory.rows.deterministic else nullcontext():
            self._admit()
            pool, drafts = self._next()
            if pool is None:
                return False
            self._tick(pool, drafts)
            self._finish(pool)
            return True

    def _admit(self) -> None:
        self._expire()
        self._turns.forget(self._accounts())
        while self._waiting and sum(running.rows for running in self._running.values()) < MAX_ADMITTED_ROWS:
            order = min(self._waiting.values(), key=self._standing)
            del self._waiting[order.job_id]
            self._start(order)

    def _next(self) -> tuple[Pool | None, list[Draft]]:
        """The pool whose turn it is, and which of its drafts: first whose job comes first, then as many as fit.

        Among the pools that hold drafts of equal standing, it is the one with the least work behind it.
        """
        self._pools = {key: pool for key, pool in self._pools.items() if pool.drafts}  # and their hold on the models
        if not self._pools:
            return None, []
        standings = {job_id: self._standing(running.order) for job_id, running in self._running.items()}
        first = min(standings.values())[:-1]
        pools = [pool for pool in self._pools.values() if any(standings[d.job_id][:-1] == first for d in pool.drafts)]
        pool = min(pools, key=lambda pool: pool.work)
        drafts = sorted(pool.drafts, key=lambda draft: standings[draft.job_id])
        return pool, front(drafts, self._memory.most_rows(pool.key))

    def _tick(self, pool: Pool, drafts: list[Draft]) -> None:
        rows = {id(draft): draft.rows for draft in drafts}

        def work(together: Sequence[Draft]) -> Sequence[None]:
            with self._tally.out_of_memory(), self._memory.watch(pool.key, together):
                pool.pipeline.tick(together, self._memory.pad(pool.key))
            return [None] * len(together)

        started = time.monotonic()
        moved, blames = in_pieces(drafts, work)
        counted = sum(rows[id(draft)] for draft, _ in moved)
        seconds = time.monotonic() - started
        self._tally.add(Counters(ticks=1, rows=counted, tick_seconds=seconds, steps=len(moved)))
        log.debug("tick", rows=counted, seconds=round(seconds, 4), jobs=sorted({draft.job_id for draft in drafts}))
        for draft, error in blames:
            self._fail(draft.job_id, error)
        for draft, _ in moved:
            work_done = rows[id(draft)] * draft.numbers
            pool.work += work_done
            if draft.job_id in self._running:
                self._turns.charge(self._running[draft.job_id].order.terms.account, work_done)
        self._report({draft.job_id for draft, _ in moved})

    def _finish(self, pool: Pool) -> None:
        """Decode the drafts that are done; a job is told as finished with its last picture, in order of the seeds."""

        def decode(together: Sequence[Draft]) -> Sequence[Any]:
            with self._tally.out_of_memory():
                return pool.pipeline.decode(together)

        done, most = pool.take_finished(), self._memory.most_decoded(pool.key)
        for start in range(0, len(done), most):
            drawn, blames = in_pieces(done[start : start + most], decode)
            for draft, error in blames:
                self._fail(draft.job_id, error)
            for draft, decoded in drawn:
                if draft.job_id in self._running:  # no sister picture failed
                    self._collect(self._running[draft.job_id], draft, decoded)

    def _start(self, order: Order) -> None:
        self._tell(Started(order.job_id))  # before anything can kill the process: who was started is a suspect
        try:
            ready = self._prepare(order.job_id, order.task)
        except Exception as error:
            if device_is_lost(error):
                raise
            self._refuse(order.job_id, error)
            return
        self._running[order.job_id] = Running(order, ready.calls, ready.join, self._pieces(ready, behind=0))

    def _pieces(self, ready: Prepared, behind: int) -> list[Piece]:
        """Those of the drafts, which join their pool."""
        if ready.key not in self._pools:
            least = min((pool.work for pool in self._pools.values()), default=0.0)  # no credit for coming late
            self._pools[ready.key] = Pool(ready.key, ready.pipeline, least)
        self._pools[ready.key].drafts += ready.drafts
        return [Piece(draft, ready.finish, ready.key, behind) for draft in ready.drafts]

    def _collect(self, running: Running, draft: Draft, decoded: Any) -> None:
        """Keep what a draft became, or go on with it where its task has another pass."""
        piece = running.piece_of(draft)
        try:
            made = piece.finish(draft, decoded)
            if not isinstance(made, Made):
                self._go_on(running, piece, made)
                return
            piece.made = made
            if not running.is_finished:
                return
            results = running.join(running.made)
        except Exception as error:
            if device_is_lost(error):
                raise
            self._fail(draft.job_id, error)
            return
        del self._running[draft.job_id]
        pictures = tuple(each.picture for each in results if each.picture is not None)
        self._tell(Finished(draft.job_id, pictures, results[0].facts))

    def _go_on(self, running: Running, piece: Piece, task: Task) -> None:
        """In place of the piece come those of the task that follows."""
        ready = self._prepare(running.order.job_id, task)
        place = running.pieces.index(piece)
        running.pieces[place : place + 1] = self._pieces(ready, piece.behind + piece.draft.steps)
        running.join = ready.join

    def _report(self, job_ids: Iterable[str]) -> None:
        for running in [self._running[job_id] for job_id in job_ids if job_id in self._running]:
            job_id, progress = running.order.job_id, running.progress
            if progress <= running.reported:
                continue
            if running.order.terms.previews and progress % max(1, running.calls // PREVIEWS) == 0:
                self._preview(job_id, running.pieces[0])
            running.reported = progress
            self._tell(Progressed(job_id, progress, running.calls))

    def _preview(self, job_id: str, piece: Piece) -> None:
        """Nothing where it fails, which is no reason to fail the job; nor of a picture that is finished already."""
        if piece.made is not None:
            return
        pipeline = self._pools[piece.pool].pipeline
        shown, blames = in_pieces([piece.draft], lambda drafts: [pipeline.preview(drafts[0])])
        for _, error in blames:
            log.warning("no_preview", job=job_id, exc_info=error)
        for _, preview in shown:
            if preview is not None:
                self._tell(Previewed(job_id, preview))

    def _expire(self) -> None:
        for order in self._orders():
            if order.terms.deadline is not None and order.terms.deadline <= self._clock():
                self._fail(order.job_id, DeadlinePassed("The picture was not finished before its deadline."))

    def _fail(self, job_id: str, error: Exception) -> None:
        if self._drop(job_id):
            self._refuse(job_id, error)

    def _refuse(self, job_id: str, error: Exception) -> None:
        """Tell the job's failure in words fit for the caller; what really happened goes to the log."""
        if not isinstance(error, DarkroomError):
            log.error("drawing_failed", job=job_id, exc_info=error)
        told = _fit_for_caller(error)
        self._tell(Failed(job_id, told.code, told.sentence))

    def _drop(self, job_id: str) -> bool:
        """Whether there was such a job."""
        for pool in self._pools.values():
            pool.remove(job_id)
        return (self._waiting.pop(job_id, None) or self._running.pop(job_id, None)) is not None

    def _standing(self, order: Order) -> tuple[float, float, int]:
        top = max(other.terms.priority for other in self._orders())
        return *self._turns.standing(order, self._clock(), top), order.number

    def _orders(self) -> list[Order]:
        return [*self._waiting.values(), *(running.order for running in self._running.values())]

    def _accounts(self) -> set[str]:
        return {order.terms.account for order in self._orders()}


def _fit_for_caller(error: Exception) -> DarkroomError:
    if isinstance(error, DarkroomError):
        return error
    if isinstance(error, torch.OutOfMemoryError):
        return OutOfMemory("The device has not enough memory for this picture; ask for a smaller one.")
    return DrawingFailed("The picture could not be drawn; the server's log says why, under the job's id.")
