"""Models that somebody wishes to be loaded or unloaded: noted by any thread, granted by the one that draws."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from pipelines.errors import DarkroomError, DrawingFailed, OutOfMemory, WorkerLost

if TYPE_CHECKING:
    from pipelines.registry import Registry

log = structlog.get_logger("worker")


class Wishes:
    """loading: models that are to be loaded and are not yet. not_loaded: with code and sentence of what hindered it."""

    def __init__(self) -> None:
        self.loading: tuple[str, ...] = ()
        self.not_loaded: tuple[tuple[str, str, str], ...] = ()

    def note(self, model: str, loaded: bool) -> None:
        if loaded:
            self.loading = (*self.loading, model)

    def grant(self, registry: Registry | None, model: str, loaded: bool) -> None:
        """registry: None where nothing draws any more. Raises what the device does not survive."""
        told = hindered(registry, model) if loaded else None
        if registry is not None and not loaded:
            registry.unload(model)
        others = tuple(each for each in self.not_loaded if each[0] != model)
        self.not_loaded = (*others, (model, told.code, told.sentence)) if told else others
        self.loading = tuple(each for each in self.loading if each != model)


def hindered(registry: Registry | None, model: str) -> DarkroomError | None:
    """Load a model; what hindered it, in words fit for a caller."""
    from pipelines.engine.pieces import device_is_lost

    if registry is None:
        return WorkerLost()
    try:
        registry.pipeline(model, ())
    except DarkroomError as error:
        return error
    except Exception as error:
        if device_is_lost(error):
            raise
        log.exception("model_not_loaded", model=model)
        return _fit_for_caller(error)
    return None


def _fit_for_caller(error: Exception) -> DarkroomError:
    import torch

    if isinstance(error, torch.OutOfMemoryError):
        return OutOfMemory("The device has not enough memory left for this model; unload another one.")
    return DrawingFailed("The model could not be loaded; the server's log says why.")
