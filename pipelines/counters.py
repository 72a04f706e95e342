"""What a worker has done so far, as figures. Standard library only."""

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Counters:
    """What a worker has done since it was started; none of them ever falls while it lives.

    rows: in all ticks together. tick_seconds: the time that the ticks took. steps: drafts moved on, one tick each.
    loads, unloads: of models, parts that draw with one included. out_of_memory: work that did not fit and was done
    again in halves, or given up. prompt_hits, prompt_misses: prompts whose embeddings were remembered, or made.
    """

    ticks: int = 0
    rows: int = 0
    tick_seconds: float = 0.0
    steps: int = 0
    loads: int = 0
    unloads: int = 0
    out_of_memory: int = 0
    prompt_hits: int = 0
    prompt_misses: int = 0

    def __add__(self, other: "Counters") -> "Counters":
        return Counters(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))
