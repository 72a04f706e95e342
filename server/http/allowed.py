"""Which models a request may draw with: a key may have a list of them."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass

from fastapi import Request

from pipelines.tasks import Lora, Task
from server.keys import Caller

# Fields of tasks, and of what they are made of, that name a model.
NAMING = frozenset({"model", "vae", "upscaler", "face_restorer"})


def check_models(request: Request, task: Task) -> None:
    """Raises ModelNotAllowed where the task names a model that is not for the request's key."""
    caller = request.state.caller
    assert isinstance(caller, Caller)
    caller.check_models(set(models_in(task)))


def models_in(task: object) -> Iterator[str]:
    """The id of every model that a task names; a task may hold another one."""
    if isinstance(task, Lora):
        yield task.name
    elif isinstance(task, tuple):
        for each in task:
            yield from models_in(each)
    elif is_dataclass(task):
        for field in fields(task):
            value = getattr(task, field.name)
            if field.name not in NAMING:
                yield from models_in(value)
            elif isinstance(value, str):
                yield value
