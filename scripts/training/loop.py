"""The training loop that every stage shares: a time budget, a falling learning rate, averaged weights, checkpoints."""

import json
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Protocol

import torch
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor, nn

from training.precision import autocast

WARM_UP_STEPS = 60
FINAL_RATE_SHARE = 0.02
CHECKPOINT_SECONDS = 120
LOG_EVERY = 20
BETAS = (0.9, 0.99)
GRADIENT_LIMIT = 1.0


class Stage(Protocol):
    """What the loop trains: a module, and the loss of one fresh batch."""

    name: str
    module: nn.Module
    learning_rate: float
    averaging: float  # how much of the averaged weights is kept at each step

    def loss(self, random: Random, done: float) -> Tensor:
        """The scalar loss of a new batch; `done` is the share of the time budget that has passed, 0 to 1."""
        ...


@dataclass
class Checkpoint:
    """What survives a stopped run."""

    path: Path
    step: int = 0

    def load(self, stage: Stage, average: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        if not self.path.is_file():
            return
        state = torch.load(self.path, map_location="cpu", weights_only=True)
        stage.module.load_state_dict(state["module"])
        average.load_state_dict(state["average"])
        optimizer.load_state_dict(state["optimizer"])
        self.step = state["step"]

    def save(self, stage: Stage, average: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        state = {
            "module": stage.module.state_dict(),
            "average": average.state_dict(),
            "optimizer": optimizer.state_dict(),
            "step": self.step,
        }
        partial = self.path.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(self.path)


def train(stage: Stage, average: nn.Module, minutes: float, folder: Path, device: torch.device) -> None:
    """Train for `minutes`, or go on with the checkpoint in `folder`; `average` ends as the averaged weights.

    `average` is a second module of the same shape. Losses go to `folder/losses.jsonl`, one line a few steps.
    """
    folder.mkdir(parents=True, exist_ok=True)
    optimizer = torch.optim.AdamW(stage.module.parameters(), lr=stage.learning_rate, betas=BETAS, fused=True)
    checkpoint = Checkpoint(folder / f"{stage.name}.pt")
    checkpoint.load(stage, average, optimizer)
    random = Random(checkpoint.step)
    torch.manual_seed(checkpoint.step)
    saved_at, first_step, losses = time.monotonic(), checkpoint.step, list[Tensor]()
    for done in _budget(stage.name, minutes, losses):
        _set_rate(optimizer, stage.learning_rate, done, checkpoint.step - first_step)
        with autocast(device):
            loss = stage.loss(random, done)
        loss.backward()
        nn.utils.clip_grad_norm_(stage.module.parameters(), GRADIENT_LIMIT)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        checkpoint.step += 1
        _average(average, stage.module, stage.averaging, checkpoint.step)
        losses.append(loss.detach())
        if len(losses) == LOG_EVERY:
            _log(folder / "losses.jsonl", stage.name, checkpoint.step, losses)
        if time.monotonic() - saved_at > CHECKPOINT_SECONDS:
            checkpoint.save(stage, average, optimizer)
            saved_at = time.monotonic()
    checkpoint.save(stage, average, optimizer)


def _budget(name: str, minutes: float, losses: list[Tensor]) -> Iterator[float]:
    """Yields the share of the time that has passed until it has, and shows a bar."""
    columns = (TextColumn(name), BarColumn(), TextColumn("{task.fields[loss]}"), TimeRemainingColumn())
    with Progress(*columns) as progress:
        bar, started, last = progress.add_task(name, total=1.0, loss=""), time.monotonic(), ""
        while (done := (time.monotonic() - started) / (minutes * 60)) < 1:
            if losses:
                last = f"loss {losses[-1].item():.4f}"
            progress.update(bar, completed=done, loss=last)
            yield done


def _set_rate(optimizer: torch.optim.Optimizer, rate: float, done: float, steps: int) -> None:
    share = max(FINAL_RATE_SHARE, 1 - done) * min(1.0, (steps + 1) / WARM_UP_STEPS)
    for group in optimizer.param_groups:
        group["lr"] = rate * share


@torch.no_grad()
def _average(average: nn.Module, module: nn.Module, keep: float, step: int) -> None:
    keep = min(keep, (1 + step) / (10 + step))  # forget the random start quickly
    torch._foreach_lerp_(list(average.parameters()), list(module.parameters()), 1 - keep)


def _log(path: Path, name: str, step: int, losses: list[Tensor]) -> None:
    mean = torch.stack(losses).mean().item()
    losses.clear()
    if not math.isfinite(mean):
        raise FloatingPointError(f"the loss of stage {name} is {mean} at step {step}")
    with path.open("a") as file:
        file.write(json.dumps({"stage": name, "step": step, "loss": round(mean, 5)}) + "\n")
