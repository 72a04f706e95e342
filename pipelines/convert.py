"""Weights out of a pickle: `darkroom convert` turns a .pth of an upscaler into .safetensors. The server reads no .pth.

A child process reads the stranger's file with torch's restricted unpickler, which builds tensors and calls nothing
else (https://docs.pytorch.org/docs/stable/generated/torch.load.html, weights_only), within limits of memory and time.
Should the file get the better of it all the same, what it says is not listened to: only its exit status counts.
"""

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pipelines.errors import WeightsRefused
from pipelines.weights import check_safetensors, sha256

UNREADABLE, UNKNOWN = 3, 4  # exit statuses of the child
REASONS: Mapping[int, str] = {
    UNREADABLE: "is not a PyTorch file that holds weights and nothing else, so it was not read",
    UNKNOWN: "holds weights of no architecture that is known here",
}
OTHERWISE = "could not be converted within the memory and time that it was given"
SECONDS = 600
CPU_SECONDS = 300
ROOM = 2 << 30  # bytes, beside COPIES of the file: as read, as written, as loaded to see whether it works
COPIES = 4


def convert(source: Path, output: Path) -> None:
    """Write the weights of `source`, a .pth, .pt or .ckpt file, as `output`, which is replaced where it exists.

    Raises WeightsRefused where there is no such file, it holds more than weights, no architecture that spandrel knows
    fits them, or `output` is not the name of a .safetensors file in a folder.
    """
    if not source.is_file():
        raise WeightsRefused("There is no file to convert of that name.", field="source")
    if output.suffix.lower() != ".safetensors" or not output.parent.is_dir():
        raise WeightsRefused("The output must be a .safetensors file in a folder that exists.", field="output")
    with TemporaryDirectory(prefix=".convert-", dir=output.parent) as folder:
        written = Path(folder) / output.name
        status = _run_child(source.resolve(), written.resolve())
        if status != 0:
            raise WeightsRefused(f"{source.name} {REASONS.get(status, OTHERWISE)}.", field="source")
        check_safetensors(written)
        os.replace(written, output)


def _run_child(source: Path, output: Path) -> int:
    """Its exit status, negative for a signal.

    It gets none of our settings, which may hold keys, and starts where this program is: modules that lie beside the
    stranger's file are not imported.
    """
    try:
        child = subprocess.run(
            [sys.executable, "-m", "pipelines.convert", str(source), str(output)],
            cwd=Path(__file__).parents[1],
            env={name: value for name, value in os.environ.items() if not name.startswith("DARKROOM_")},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return -signal.SIGKILL
    return child.returncode


def _convert_here(source: Path, output: Path) -> int:
    """What the child does. Returns its exit status."""
    import pipelines.torchvision_ops  # noqa: F401  # before spandrel

    import torch
    from safetensors.torch import save_file

    from pipelines.upscale.network import read_network

    metadata = {"format": "pt", "converted_from_sha256": sha256(source)}
    _limit_resources(source.stat().st_size)
    try:
        save_file(_tensors(torch.load(source, map_location="cpu", weights_only=True)), output, metadata)
    except Exception:  # hostile bytes make it raise anything
        return UNREADABLE
    try:
        read_network(output)
    except WeightsRefused:
        return UNKNOWN
    return 0


def _tensors(content: Any) -> dict[str, Any]:
    """The weights, out of the dictionaries that trainers wrap them in; each with memory of its own, as files want it.

    What is no tensor, such as a count of steps, is left out.
    """
    from spandrel import canonicalize_state_dict
    from torch import Tensor

    weights = canonicalize_state_dict(content)
    return {name: value.detach().contiguous().clone() for name, value in weights.items() if isinstance(value, Tensor)}


def _limit_resources(size: int) -> None:
    """What this process may take for a file of `size` bytes: memory beside what it has already, time, bytes written."""
    more = COPIES * size + ROOM
    _limit(resource.RLIMIT_CPU, CPU_SECONDS)
    _limit(resource.RLIMIT_FSIZE, more)
    if sys.platform == "linux":  # others do not tell how much address space is taken
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        _limit(resource.RLIMIT_AS, pages * resource.getpagesize() + more)


def _limit(kind: int, most: int) -> None:
    """Nobody may raise a limit that was set before; a lower one stays."""
    hard = resource.getrlimit(kind)[1]
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(kind, (most, most))


if __name__ == "__main__":
    sys.exit(_convert_here(Path(sys.argv[1]), Path(sys.argv[2])))
