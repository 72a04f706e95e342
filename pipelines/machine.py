"""What torch and the driver make of this machine, as JSON on stdout: `python -m pipelines.machine`.

A process of its own for `darkroom doctor`: a broken driver may hang or kill whoever asks.
"""

import ctypes
import json
import sys
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any


def told() -> dict[str, Any]:
    """Versions, devices (memory in bytes), and the ways of attention that work; None for what is not here."""
    import torch

    return {
        "torch": torch.__version__,
        "torch_cuda": torch.version.cuda,
        "driver": driver(),
        "driver_cuda": driver_cuda(),
        "devices": devices(),
        "attention": attention(),
        "xformers": xformers(),
    }


def devices() -> list[dict[str, Any]]:
    import torch

    found = []
    for index in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        free, total = torch.cuda.mem_get_info(index)
        found.append({"name": torch.cuda.get_device_name(index), "free": free, "total": total})
    return found


def attention() -> list[str]:
    """The kernels among which torch's scaled_dot_product_attention chooses here."""
    import torch

    kernels = {
        "flash": torch.backends.cuda.flash_sdp_enabled() and torch.backends.cuda.is_flash_attention_available(),
        "memory-efficient": torch.backends.cuda.mem_efficient_sdp_enabled(),
        "cudnn": torch.backends.cuda.cudnn_sdp_enabled(),
    }
    return [name for name, works in kernels.items() if works and torch.cuda.is_available()] + ["plain"]


def xformers() -> str | None:
    """Its version, or "broken" where it is here and cannot be loaded beside this torch."""
    if find_spec("xformers") is None:
        return None
    try:
        import_module("xformers.ops")
    except Exception:  # whatever a library built for another torch does
        return "broken"
    return version("xformers")


def driver() -> str | None:
    """The version of NVIDIA's driver, by NVML: https://docs.nvidia.com/deploy/nvml-api/group__nvmlSystemQueries.html"""
    library = _library("libnvidia-ml.so.1")
    version = ctypes.create_string_buffer(80)
    if library is None or library.nvmlInit_v2() or library.nvmlSystemGetDriverVersion(version, len(version)):
        return None
    return version.value.decode()


def driver_cuda() -> str | None:
    """The newest CUDA that the driver runs."""
    library = _library("libcuda.so.1")
    number = ctypes.c_int()
    if library is None or library.cuDriverGetVersion(ctypes.byref(number)):
        return None
    return f"{number.value // 1000}.{number.value % 1000 // 10}"


def _library(name: str) -> ctypes.CDLL | None:
    try:
        return ctypes.CDLL(name)
    except OSError:
        return None


if __name__ == "__main__":
    json.dump(told(), sys.stdout)
