"""No file that could run is ever opened as weights, whatever it calls itself."""

import json
import os
import pickle
import tarfile
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from pipelines.errors import WeightsRefused
from pipelines.weights import check_folder, check_safetensors, inside, sha256, verify_sha256


class Canary:
    """Unpickling it writes the file named in the environment."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ('touch "$CANARY"',)


def torch_zip() -> bytes:
    buffer = BytesIO()
    torch.save({"weights": Canary()}, buffer)
    return buffer.getvalue()


def zipped() -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("data.pkl", pickle.dumps(Canary()))
    return buffer.getvalue()


def tarred() -> bytes:
    buffer = BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        entry = tarfile.TarInfo("pickle")
        entry.size = len(pickle.dumps(Canary()))
        archive.addfile(entry, BytesIO(pickle.dumps(Canary())))
    return buffer.getvalue()


def with_header(header: object, data: bytes = b"", length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + data


def tensor(start: int, end: int, shape: list[int] | None = None, dtype: str = "F32") -> dict[str, object]:
    return {"dtype": dtype, "shape": [1] if shape is None else shape, "data_offsets": [start, end]}


HOSTILE: dict[str, tuple[str, Callable[[], bytes]]] = {
    "a pickle as .ckpt": ("model.ckpt", lambda: pickle.dumps(Canary())),
    "a pickle as .bin": ("pytorch_model.bin", lambda: pickle.dumps(Canary())),
    "a pickle as .pkl": ("model.pkl", lambda: pickle.dumps(Canary(), protocol=4)),
    "torch's zip as .pth": ("model.pth", torch_zip),
    "torch's zip as .pt": ("model.pt", torch_zip),
    "a pickle as .safetensors": ("model.safetensors", lambda: pickle.dumps(Canary())),
    "torch's zip as .safetensors": ("model.safetensors", torch_zip),
    "a pickle as .json": ("config.json", lambda: pickle.dumps(Canary())),
    "an old pickle as .txt": ("merges.txt", lambda: pickle.dumps(Canary(), protocol=0)),
    "a pickle as .onnx": ("model.onnx", lambda: pickle.dumps([1, Canary()], protocol=1)),
    "a zip without an ending": ("model", zipped),
    "a zip behind other bytes": ("model.dat", lambda: b"\0" * 100 + zipped()),
    "a tar of a pickle": ("model.onnx", tarred),
    "code": ("pipeline.py", lambda: b"import os"),
    "a hidden pickle": (".cache", lambda: pickle.dumps(Canary())),
    "a header longer than the file": ("w.safetensors", lambda: with_header({}, length=1 << 40)),
    "a header of 99 MB in 10 bytes": ("w.safetensors", lambda: with_header({}, length=99_000_000)),
    "a header that is no JSON": ("w.safetensors", lambda: with_header(b"{nonsense")),
    "a header that is a list": ("w.safetensors", lambda: with_header([])),
    "a header nested without end": ("w.safetensors", lambda: with_header(b"[" * 100_000)),
    "a tensor past the end": ("w.safetensors", lambda: with_header({"w": tensor(0, 8, [2])}, b"1234")),
    "a tensor before the start": ("w.safetensors", lambda: with_header({"w": tensor(-4, 0)}, b"")),
    "tensors that overlap": ("w.safetensors", lambda: with_header({"a": tensor(0, 4), "b": tensor(2, 6)}, b"123456")),
    "bytes that no tensor owns": ("w.safetensors", lambda: with_header({"w": tensor(0, 4)}, b"12345678")),
    "a shape that needs more": ("w.safetensors", lambda: with_header({"w": tensor(0, 4, [2**40])}, b"1234")),
    "an unknown type": ("w.safetensors", lambda: with_header({"w": tensor(0, 4, dtype="PICKLE")}, b"1234")),
    "nothing at all": ("w.safetensors", bytes),
}


@pytest.fixture
def canary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CANARY", str(tmp_path / "canary"))
    return tmp_path / "canary"


def test_the_canary_sings_when_a_pickle_is_opened(canary: Path) -> None:
    pickle.loads(pickle.dumps(Canary()))  # noqa: S301  # proves that the table below would notice
    assert canary.exists()


@pytest.mark.parametrize("kind", HOSTILE, ids=list(HOSTILE))
def test_a_hostile_file_is_refused_and_never_run(tmp_path: Path, canary: Path, kind: str) -> None:
    name, content = HOSTILE[kind]
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / name).write_bytes(content())
    with pytest.raises(WeightsRefused):
        check_folder(folder)
    assert not canary.exists()


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_link_out_of_the_folder_is_refused(tmp_path: Path, kind: str) -> None:
    folder, outside = tmp_path / "model", tmp_path / "outside"
    folder.mkdir()
    outside.mkdir()
    (outside / "vocab.json").write_text("{}")
    (folder / "linked").symlink_to(outside if kind == "folder" else outside / "vocab.json")
    with pytest.raises(WeightsRefused):
        check_folder(folder)


def test_a_good_folder_passes(tmp_path: Path) -> None:
    save_file(
        {"w": torch.zeros(3, 4), "empty": torch.zeros(0), "half": torch.zeros(5).half()}, tmp_path / "w.safetensors"
    )
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "config.json").write_text('{"a": 1}')
    (tmp_path / "merges.txt").write_text("#version: 0.2\ni n\nt h\n")
    (tmp_path / "README.md").write_text("called Shapes\n\nA model of shapes.\n")
    (tmp_path / "model.onnx").write_bytes(b"\x08\x07\x12\x07pytorch\x1a\x052.1.0:")
    check_folder(tmp_path)


def test_the_header_tells_types_shapes_and_elements(tmp_path: Path) -> None:
    save_file({"w": torch.zeros(3, 4).half()}, tmp_path / "w.safetensors", metadata={"format": "pt"})
    found = check_safetensors(tmp_path / "w.safetensors")["w"]
    assert (found.dtype, found.shape, found.elements) == ("F16", (3, 4), 12)


def test_a_file_of_another_sha256_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"weights")
    verify_sha256(path, sha256(path))
    with pytest.raises(WeightsRefused, match="sha256"):
        verify_sha256(path, "0" * 64)


@pytest.mark.parametrize("name", ["../secret", "sub/../../secret", "/etc/passwd", "link"])
def test_a_name_cannot_leave_its_folder(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(WeightsRefused):
        inside(folder, name)


def test_a_name_inside_its_folder_is_found(tmp_path: Path) -> None:
    assert inside(tmp_path, "unet/../vae/config.json") == (tmp_path / "vae" / "config.json").resolve()
