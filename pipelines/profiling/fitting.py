"""What an engine is made of, fitted to its device: the registry in the right precision, memory as it was profiled."""

from functools import partial
from pathlib import Path

import torch

from pipelines.catalog import Catalog
from pipelines.engine.memory import Memory
from pipelines.engine.rows import Rows
from pipelines.profiling.profile import Profile, device_name, read_profile
from pipelines.registry import Registry
from pipelines.sdxl.tuned import compiles, prepare_process
from pipelines.tuning import Tuning

# What drawing takes beside the weights where nothing was measured: about a tick of 2 rows, or a picture decoded in
# tiles, of SDXL at 1024x1024 in float16. An estimate: it decides which cards have to stream their weights.
WORKING_BYTES = 3 * 2**30


def device_named(name: str) -> torch.device:
    """`auto` is CUDA where there is some."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


def registry_for(catalog: Catalog, device: torch.device, tuning: Tuning) -> Registry:
    """For the thread that calls, which draws: what takes CUDA's present device, streams and graphs, finds it there."""
    prepare_process(tuning)
    if device.type == "cuda" and device.index is not None:
        torch.cuda.set_device(device)
    usual = "float16" if device.type == "cuda" else "float32"
    dtype: torch.dtype = getattr(torch, tuning.dtype or usual)
    return Registry(catalog, device, dtype, weights_budget(device), tuning)


def memory_for(catalog: Catalog, device: torch.device, tuning: Tuning) -> Memory:
    """Rows go in buckets where each number of them is compiled for itself."""
    profile = Profile(device=device_name(device))
    if tuning.folder is not None:
        profile = read_profile(Path(tuning.folder), device).that_hold(catalog)
    bucketed = device.type == "cuda" and compiles(tuning)
    rows = Rows(profile.caps, bucketed=bucketed, deterministic=tuning.deterministic)
    return Memory(rows, profile.needs, partial(free_bytes, device))


def free_bytes(device: torch.device) -> int | None:
    """What new tensors can take: what the driver has left, and what torch holds but does not use."""
    if device.type != "cuda":
        return None
    left, _ = torch.cuda.mem_get_info(device)
    return left + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)


def weights_budget(device: torch.device) -> int | None:
    """The bytes that the weights of all models may take together; None is no limit."""
    if device.type != "cuda":
        return None
    _, total = torch.cuda.mem_get_info(device)
    return max(0, total - WORKING_BYTES)
