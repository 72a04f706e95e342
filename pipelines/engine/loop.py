"""The loop that draws, in three verbs: admit, tick, finish. One thread calls it; it knows nothing of threads."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from math import isfinite

import structlog
import torch
from PIL import Image

from pipelines.catalog import Catalog
from pipelines.engine.pool import Pool, PoolKey
from pipelines.engine.protocol import Cancelled, Event, Failed, Finished, Progressed, Started
from pipelines.errors import DarkroomError, DrawingFailed, OutOfMemory
from pipelines.registry import Registry
from pipelines.sdxl.draft import Draft, drafts_of
from pipelines.sizes import SizePlan, finish, plan
from pipelines.tasks import Picture, Task

log = structlog.get_logger("engine")

# Rows a tick: beyond this a row costs the same on two CPU cores, and a longer tick makes cancelling slower.
MAX_ROWS = 16
# Rows admitted at once: enough to fill ticks, few enough that the rest waits as plain tasks.
MAX_ADMITTED_ROWS = 64


@dataclass(slots=True)
class Running:
    """A job whose drafts are in a pool. reported: the progress that was last told."""

    task: Task
    size: SizePlan
    drafts: list[Draft]
    pictures: list[Picture] = field(default_factory=list)
    reported: int = 0

    @property
    def progress(self) -> int:
        """Steps that every picture of the job has behind it."""
        return min(draft.step for draft in self.drafts)


class Engine:
    """Takes jobs, tells events. Rows of different jobs share ticks; they join and leave between ticks."""

    def __init__(self, catalog: Catalog, registry: Registry, tell: Callable[[Event], None]) -> None:
        self._catalog = catalog
        self._registry = registry
        self._tell = tell
        self._waiting: deque[tuple[str, Task]] = deque()
        self._running: dict[str, Running] = {}
        self._pools: dict[PoolKey, Pool] = {}

    @property
    def running(self) -> int:
        return len(self._running)

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def submit(self, job_id: str, task: Task) -> None:
        self._waiting.append((job_id, task))

    def cancel(self, job_id: str) -> None:
        """Forget a job, waiting or running; unknown and finished ones are ignored."""
        waiting = [entry for entry in self._waiting if entry[0] != job_id]
        if len(waiting) == len(self._waiting) and job_id not in self._running:
            return
        self._waiting = deque(waiting)
        self._drop(job_id)
        self._tell(Cancelled(job_id))

    def cancel_all(self) -> None:
        for job_id in [*self._running, *(job_id for job_id, _ in self._waiting)]:
            self.cancel(job_id)

    def turn(self) -> bool:
        """Admit what waits, move one pool on by one tick, finish what is done. False: there was nothing to do."""
        self._admit()
        pool = self._next_pool()
        if pool is None:
            return False
        moved = self._tick(pool)
        self._report(moved)
        self._finish(pool)
        return True

    def _admit(self) -> None:
        while self._waiting and self._admitted_rows() < MAX_ADMITTED_ROWS:
            job_id, task = self._waiting.popleft()
            try:
                self._start(job_id, task)
            except Exception as error:
                self._fail([job_id], error)

    def _start(self, job_id: str, task: Task) -> None:
        model = self._registry.sdxl(task.model)
        size = plan(task.width, task.height, self._catalog.get(task.model))
        drafts = drafts_of(job_id, task, model, size.render_width, size.render_height)
        key = (task.model, size.render_height, size.render_width)
        if key not in self._pools:
            least = min((pool.work for pool in self._pools.values()), default=0.0)  # no credit for coming late
            self._pools[key] = Pool(model, least)
        self._pools[key].add(drafts)
        self._running[job_id] = Running(task, size, drafts)
        self._tell(Started(job_id))

    def _next_pool(self) -> Pool | None:
        """The pool with the least work behind it; empty pools are forgotten, and with them their hold on the model."""
        self._pools = {key: pool for key, pool in self._pools.items() if pool.drafts}
        return min(self._pools.values(), key=lambda pool: pool.work, default=None)

    def _tick(self, pool: Pool) -> list[Draft]:
        front = pool.front(MAX_ROWS)
        try:
            pool.tick(front)
        except Exception as error:
            self._fail({draft.job_id for draft in front}, error)
            return []
        return front

    def _report(self, moved: list[Draft]) -> None:
        for job_id in dict.fromkeys(draft.job_id for draft in moved):
            running = self._running[job_id]
            if running.progress > running.reported:
                running.reported = running.progress
                self._tell(Progressed(job_id, running.progress, len(running.drafts[0].table.steps)))

    def _finish(self, pool: Pool) -> None:
        """Decode the drafts that are done; a job is told as finished with its last picture, in order of the seeds."""
        done = pool.take_finished()
        try:
            pictures = pool.decode(done)
        except Exception as error:
            self._fail({draft.job_id for draft in done}, error)
            return
        for draft, pixels in zip(done, pictures, strict=True):
            self._collect(draft, pixels)

    def _collect(self, draft: Draft, pixels: torch.Tensor) -> None:
        running = self._running.get(draft.job_id)
        if running is None:  # a sister picture failed
            return
        if not isfinite(draft.latent.sum().item()):
            self._fail([draft.job_id], DrawingFailed("The model produced numbers that are no picture."))
            return
        running.pictures.append(_picture(draft, pixels, running))
        if len(running.pictures) == len(running.drafts):
            del self._running[draft.job_id]
            ordered = sorted(running.pictures, key=lambda picture: picture.seed)
            self._tell(Finished(draft.job_id, tuple(ordered)))

    def _fail(self, job_ids: list[str] | set[str], error: Exception) -> None:
        """Tell the jobs' failure in words fit for the caller; what really happened goes to the log."""
        if not isinstance(error, DarkroomError):
            log.error("drawing_failed", jobs=sorted(job_ids), exc_info=error)
        told = _fit_for_caller(error)
        for job_id in job_ids:
            self._drop(job_id)
            self._tell(Failed(job_id, told.code, told.sentence))

    def _drop(self, job_id: str) -> None:
        self._running.pop(job_id, None)
        for pool in self._pools.values():
            pool.remove(job_id)

    def _admitted_rows(self) -> int:
        return sum(draft.rows for running in self._running.values() for draft in running.drafts)


def _fit_for_caller(error: Exception) -> DarkroomError:
    if isinstance(error, DarkroomError):
        return error
    if isinstance(error, torch.OutOfMemoryError):
        return OutOfMemory("The device has not enough memory for this picture; ask for a smaller one.")
    return DrawingFailed("The picture could not be drawn; the server's log says why, under the job's id.")


def _picture(draft: Draft, pixels: torch.Tensor, running: Running) -> Picture:
    image = finish(Image.fromarray(pixels.numpy()), running.size)
    rendered = (running.size.render_width, running.size.render_height)
    return Picture(image.width, image.height, image.tobytes(), draft.seed, rendered, running.task.model)
