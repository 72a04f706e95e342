"""What the store keeps, in the words of the rest of the server."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

from pipelines.engine.protocol import Terms
from pipelines.tasks import Facts, Raster

Format = Literal["png", "jpeg", "webp"]
QUALITY = 95


@dataclass(frozen=True, slots=True)
class Encoding:
    """quality: 1 to 100 for jpeg and webp; png keeps every bit and ignores it.

    metadata: whether the file says what drew it, or keeps what the task was to keep.
    """

    format: Format = "png"
    quality: int = QUALITY
    metadata: bool = True

    @property
    def media_type(self) -> str:
        return f"image/{self.format}"


@dataclass(frozen=True, slots=True)
class Caption:
    """What people say of an image, beside what drew it; a job hands it on to each of its images.

    asked: the prompt as somebody wrote it, before it was enhanced, or filled into a preset. preset: the id of that,
    with its name and the variables. parent: the image that was worked on. keep: it does not end with its retention
    but stays; None leaves that to what the account prefers.
    """

    asked: str | None = None
    preset: str | None = None
    preset_name: str | None = None
    variables: Mapping[str, Any] = field(default_factory=dict)
    parent: str | None = None
    title: str = ""
    description: str = ""
    tags: tuple[str, ...] = ()
    public: bool = False
    keep: bool | None = None


@dataclass(frozen=True, slots=True)
class Image:
    """A stored picture. rendered: the width and height that the model drew. link: its public name, if it has one.

    seed, model: None where nothing was random, or no model had a hand in it. blob: the name of its file, of so many
    bytes (None where an older version stored it). expires: infinity where it is kept. kind: of the task, or `upload`.
    prompt: what was drawn, if words were. job_id: also when the job is gone. seconds: that it took to draw.
    alias: its owner's name for it. views, downloads: how often its file was asked for. likes: how many accounts like
    it. deleted: since when nobody sees it who does not ask for such.
    """

    id: str
    account: str
    encoding: Encoding
    width: int
    height: int
    rendered: tuple[int, int]
    seed: int | None
    model: str | None
    blob: str
    created: float
    expires: float
    link: str | None = None
    size: int | None = None
    kind: str = ""
    prompt: str = ""
    job_id: str | None = None
    seconds: float | None = None
    caption: Caption = Caption()
    alias: str | None = None
    views: int = 0
    downloads: int = 0
    likes: int = 0
    deleted: float | None = None

    @property
    def is_kept(self) -> bool:
        return self.expires == math.inf


@dataclass(frozen=True, slots=True)
class Origin:
    """By which API a job came, and what that API will want to tell of it again: JSON, nothing that we act on."""

    api: str = "darkroom"
    said: Mapping[str, Any] = field(default_factory=dict)


class State(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


OPEN = frozenset({State.QUEUED, State.RUNNING})


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a job failed: the code and the sentence of a DarkroomError."""

    code: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Call:
    """The request that a job is of. request: its id in the log. number: which of its jobs it is.

    key: its Idempotency-Key. tries: how often its client says that it tried before. fingerprint: another one is another
    request.
    """

    request: str | None = None
    fingerprint: str = ""
    key: str | None = None
    tries: int | None = None
    number: int = 0

    @property
    def may_come_again(self) -> bool:
        return self.key is not None or self.tries is not None


@dataclass(frozen=True, slots=True)
class Job:
    """A task that we owe to an account. Times are seconds since 1970; `step` of `steps` are done.

    model: the task's. kind: the task's class, in the words of our API; None for jobs of earlier versions. facts: what
    the task was to say of its picture. preview: what the first picture looked like a while ago, where the terms ask for
    it. place: among those that are queued, the next one's is 1. wait_seconds: until it is begun, as things went lately;
    None where nobody knows. request: the id in the log of the request that it is of. attempt: how often it was begun.
    caption: what is said of its images.
    """

    id: str
    model: str | None
    encoding: Encoding
    terms: Terms
    created: float
    state: State = State.QUEUED
    started: float | None = None
    ended: float | None = None
    step: int = 0
    steps: int = 0
    images: tuple[Image, ...] = ()
    facts: Facts | None = None
    failure: Failure | None = None
    preview: Raster | None = None
    kind: str | None = None
    request: str | None = None
    attempt: int = 0
    deleted: float | None = None
    place: int | None = None
    wait_seconds: float | None = None
    origin: Origin = Origin()
    caption: Caption = Caption()

    @property
    def account(self) -> str:
        return self.terms.account

    @property
    def is_open(self) -> bool:
        return self.state in OPEN

    def seconds_left(self, now: float) -> float | None:
        """As the steps so far went; None before the first and after the last."""
        if self.state is not State.RUNNING or self.started is None or not self.step:
            return None
        return (now - self.started) / self.step * (self.steps - self.step)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which jobs of an account are listed: those that are all of this. created_after, created_before: not included.

    states: any of them; () is every one.
    """

    states: tuple[State, ...] = ()
    model: str | None = None
    kind: str | None = None
    api: str | None = None
    created_after: float | None = None
    created_before: float | None = None
    with_deleted: bool = False


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to draw a job. What is written of it later counts only while holder and attempt are still the row's."""

    job_id: str
    holder: str
    attempt: int
