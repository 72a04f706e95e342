"""How the device is used: what the operator may choose that changes speed and memory. Standard library only."""

from dataclasses import dataclass
from typing import Literal

Dtype = Literal["float16", "bfloat16", "float32"]


@dataclass(frozen=True, slots=True)
class Tuning:
    """attention and compile concern CUDA alone; on a CPU they are ignored.

    dtype: of the weights; None is float16 on CUDA and float32 elsewhere. attention: "xformers" needs the package.
    compile: the UNet, for each shape of its inputs: "on" before a shape is first used, "auto" behind, while the shape
    is drawn as it is. memory: "low" keeps the weights in the host's memory and streams them through the device,
    "auto" does so where they would not fit. tf32: faster products of float32 numbers, with 10 bits of mantissa.
    deterministic: a picture is the same bits at any load; then nothing may be swapped in later, so that "auto" does
    not compile. idle_seconds: after which a model that drew nothing gives its memory back; None keeps all of them.
    host_cache: bytes of weights that have left the device which the host's memory keeps, from where they come back
    faster than from the disk; None is a quarter of what is free there beside CUDA, and nothing beside a CPU.
    folder: of `darkroom profile`'s findings and of compiled kernels; None keeps neither.
    """

    dtype: Dtype | None = None
    attention: Literal["sdpa", "xformers"] = "sdpa"
    compile: Literal["on", "off", "auto"] = "auto"
    memory: Literal["auto", "low"] = "auto"
    tf32: bool = True
    deterministic: bool = False
    idle_seconds: float | None = None
    host_cache: int | None = None
    folder: str | None = None
