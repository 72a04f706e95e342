"""The door for weights: safetensors is opened, everything else is refused by its content; nothing here runs a file.

The format: https://github.com/huggingface/safetensors#format (8 bytes of little-endian length, a JSON header, data).
"""

import hashlib
import json
import pickletools
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path

from pipelines.errors import WeightsRefused

HEADER_LIMIT = 100_000_000
CHUNK = 1 << 20
BITS = {
    **dict.fromkeys(("F64", "I64", "U64", "C64"), 64),
    **dict.fromkeys(("F32", "I32", "U32"), 32),
    **dict.fromkeys(("F16", "BF16", "I16", "U16"), 16),
    **dict.fromkeys(("BOOL", "I8", "U8", "F8_E4M3", "F8_E5M2", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ"), 8),
    **dict.fromkeys(("F6_E2M3", "F6_E3M2"), 6),
    "F4": 4,
}
REFUSED_SUFFIXES = frozenset({".py", ".bin", ".ckpt", ".pt", ".pth", ".pkl", ".pickle", ".msgpack", ".h5"})
ZIP_START, TAR_MARK, TAR_MARK_AT = b"PK\x03\x04", b"ustar", 257
HDF5_START = b"\x89HDF\r\n\x1a\n"
PICKLE_STARTS = tuple(bytes([0x80, protocol]) for protocol in range(2, 6))
CALLING_OPCODES = frozenset({"GLOBAL", "STACK_GLOBAL", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "REDUCE", "BUILD"})
START = 1 << 16  # bytes that are enough to tell what a file is


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """What the header of a safetensors file says of one tensor. start, end: bytes after the header."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int

    @property
    def elements(self) -> int:
        return prod(self.shape)


def check_safetensors(path: Path) -> Mapping[str, StoredTensor]:
    """The tensors that the file says it holds, once its header has been found to be true.

    Raises WeightsRefused unless the header is short enough and JSON, and the tensors lie end to end in the file,
    each as long as its shape and type need.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or not 2 <= length <= min(HEADER_LIMIT, size - 8):
            raise _refused(path, "is not a safetensors file")
        try:
            header = json.loads(file.read(length))
            header.pop("__metadata__", None)
            tensors = {name: _tensor(entry) for name, entry in header.items()}
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise _refused(path, "has no readable safetensors header") from error
    end = 0
    for tensor in sorted(tensors.values(), key=lambda tensor: (tensor.start, tensor.end)):
        bits = tensor.elements * BITS.get(tensor.dtype, 0)
        if tensor.dtype not in BITS or tensor.start != end or (tensor.end - tensor.start) * 8 != bits:
            raise _refused(path, "has a safetensors header that does not fit its data")
        end = tensor.end
    if end != size - 8 - length:
        raise _refused(path, "is longer or shorter than its safetensors header says")
    return tensors


def check_folder(folder: Path) -> None:
    """Raises WeightsRefused if any file under `folder` is, by name or by content, something that could run.

    Folders and files whose name starts with a dot count too, and so does what a link leads to.
    """
    for path in sorted(folder.rglob("*")):
        if path.is_dir():
            if path.is_symlink():  # rglob does not walk into it, but a loader would
                raise _refused(path, "is a link to a folder")
            continue
        inside(folder, path.relative_to(folder).as_posix())
        check_file(path)


def check_file(path: Path) -> None:
    """Raises WeightsRefused if the file is a pickle, an archive or code, whatever its name says."""
    if path.suffix.lower() in REFUSED_SUFFIXES:
        raise _refused(path, f"is a {path.suffix.lower()} file, which may hold code: convert it to safetensors")
    with path.open("rb") as file:
        start = file.read(START)
    if path.suffix.lower() == ".safetensors":
        check_safetensors(path)
    elif _may_run(path, start):
        raise _refused(path, "holds a pickle or an archive, which may hold code: convert it to safetensors")


def verify_sha256(path: Path, expected: str, seen: Callable[[int], None] = lambda _: None) -> None:
    """Raises WeightsRefused unless the file's sha256 is `expected`; `seen` is told how many bytes were read."""
    if sha256(path, seen) != expected:
        raise _refused(path, "has another sha256 than the catalogue says: pull it again")


def sha256(path: Path, seen: Callable[[int], None] = lambda _: None) -> str:
    """The file's sha256 in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
            seen(len(chunk))
    return digest.hexdigest()


def inside(folder: Path, name: str) -> Path:
    """The file `name` of `folder`, with every link followed. Raises WeightsRefused where that leads out of it."""
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise WeightsRefused("A model's file leads out of its folder: copy it there instead.", field="model")
    return path


def _tensor(entry: Mapping[str, object]) -> StoredTensor:
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not (isinstance(dtype, str) and isinstance(shape, list) and isinstance(offsets, list) and len(offsets) == 2):
        raise ValueError("a tensor has a dtype, a shape and two offsets")
    if not all(type(number) is int and number >= 0 for number in [*shape, *offsets]):
        raise ValueError("shapes and offsets are whole numbers")
    return StoredTensor(dtype, tuple(shape), *offsets)


def _may_run(path: Path, start: bytes) -> bool:
    if start.startswith((ZIP_START, HDF5_START, *PICKLE_STARTS)) or zipfile.is_zipfile(path):
        return True
    return start[TAR_MARK_AT : TAR_MARK_AT + len(TAR_MARK)] == TAR_MARK or _is_old_pickle(start)


def _is_old_pickle(start: bytes) -> bool:
    """Protocols 0 and 1 have no mark of their own: read the opcodes (which runs none) up to one that would call."""
    try:
        for opcode, argument, _ in pickletools.genops(start):
            if opcode.name in ("GLOBAL", "INST"):  # an English sentence parses too, but seldom names a module
                return all(word.replace(".", "_").isidentifier() for word in str(argument).split(" "))
            if opcode.name in CALLING_OPCODES:
                return True
    except Exception:  # hostile bytes make genops raise anything
        return False
    return False


def _refused(path: Path, reason: str) -> WeightsRefused:
    return WeightsRefused(f"The model's file {path.name} {reason}.", field="model")
