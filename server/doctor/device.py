"""What draws: the GPU, its driver, torch's CUDA and attention, as a process of its own tells them."""

import subprocess
import sys
from collections.abc import Iterator

from pydantic import BaseModel, ValidationError

from server.doctor.findings import Finding, hint, problem, well
from server.settings import Settings

SECONDS = 120  # for loading torch from a slow disk
TIGHT = 3 * 2**30  # bytes; with less free, weights are streamed
GIB = 2**30


class Gpu(BaseModel):
    """free, total: bytes."""

    name: str
    free: int
    total: int


class Machine(BaseModel):
    """What `pipelines.machine` tells. driver_cuda: the newest that the driver runs; torch_cuda: what torch needs."""

    torch: str
    torch_cuda: str | None
    driver: str | None
    driver_cuda: str | None
    devices: tuple[Gpu, ...]
    attention: tuple[str, ...]
    xformers: str | None


def look(settings: Settings) -> Iterator[Finding]:
    machine = ask()
    if machine is None:
        remedy = "`python -m pipelines.machine` shows the reason; install torch, or the driver, anew."
        yield problem("torch", "torch cannot be loaded, or did not answer.", remedy)
        return
    cuda = f"for CUDA {machine.torch_cuda}" if machine.torch_cuda else "without CUDA"
    yield well("torch", f"{machine.torch}, {cuda}")
    yield from of_gpu(settings.device, machine)
    yield from of_attention(settings.attention, machine)


def ask() -> Machine | None:
    """None where it came to grief, or was silent too long."""
    command = [sys.executable, "-m", "pipelines.machine"]
    try:
        told = subprocess.run(command, capture_output=True, timeout=SECONDS, check=True).stdout
        return Machine.model_validate_json(told)
    except (subprocess.SubprocessError, ValidationError):
        return None


def of_gpu(wanted: str, machine: Machine) -> Iterator[Finding]:
    """wanted: the setting `device`."""
    if wanted == "cpu":
        yield well("device", "It draws on the CPU, because DARKROOM_DEVICE says so.")
        return
    if machine.driver is not None:
        yield well("driver", f"{machine.driver}, for CUDA up to {machine.driver_cuda or 'an unknown version'}")
    for number, gpu in enumerate(machine.devices):
        yield well("gpu", f"{number}: {gpu.name}, {gpu.free / GIB:.1f} of {gpu.total / GIB:.1f} GiB free")
        if gpu.free < TIGHT:
            remedy = "End what else uses it, or be patient: weights are streamed through it."
            yield hint("gpu", f"{number}: little memory is free.", remedy)
    index = int(wanted.partition(":")[2] or 0) if wanted.startswith("cuda") else 0
    if index < len(machine.devices):
        return
    said, remedy = _why_not(machine)
    if wanted.startswith("cuda"):
        yield problem("device", f"There is no {wanted}: {said}", remedy)
    elif machine.driver is None:
        yield hint("device", "There is no NVIDIA GPU: it draws on the CPU, which is slow with real models.")
    else:
        yield hint("device", f"It draws on the CPU although a GPU is here: {said}", remedy)


def _why_not(machine: Machine) -> tuple[str, str]:
    """Why torch sees no GPU, and what to do."""
    if machine.driver is None:
        return "NVIDIA's driver is not here.", "Install it; for a container, the NVIDIA container toolkit of the host."
    if machine.torch_cuda is None:
        return "torch was built without CUDA.", "Install a torch with CUDA, such as PyPI's for Linux."
    if _major(machine.driver_cuda) < _major(machine.torch_cuda):
        return "the driver is older than torch's CUDA.", f"Install a driver for CUDA {machine.torch_cuda} or newer."
    return "torch does not see that one.", "See nvidia-smi, CUDA_VISIBLE_DEVICES and DARKROOM_DEVICE."


def _major(version: str | None) -> int:
    return int((version or "0").partition(".")[0])


def of_attention(wanted: str, machine: Machine) -> Iterator[Finding]:
    """wanted: the setting `attention`."""
    yield well("attention", f"{wanted}; torch's own kernels: {', '.join(machine.attention)}")
    if machine.xformers == "broken":
        found = problem if wanted == "xformers" else hint
        remedy = "pip uninstall xformers, or install the release that fits this torch."
        yield found("attention", "xformers is here and cannot be loaded.", remedy)
    elif machine.xformers is not None:
        yield well("attention", f"xformers {machine.xformers} is there too")
