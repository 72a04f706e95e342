"""Two machines for tests of bundles: one with small models that were pulled, and one with an empty folder."""

import hashlib
import io
import json
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from click.testing import Result
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from typer.testing import CliRunner

from pipelines.catalog import LockedFile, LockedModel, add_to_lock
from server.bundle.manifest import checksum
from server.cli import app

Change = Callable[[dict[str, Any]], None]
HEADER = json.dumps({"w": {"dtype": "F32", "shape": [700], "data_offsets": [0, 2800]}}).encode()
WEIGHTS = len(HEADER).to_bytes(8, "little") + HEADER + bytes(range(200)) * 14
FILES = {"config.json": b'{"width": 64}', "deep/down/weights.safetensors": WEIGHTS}
REVISION = "c0ffee" * 6 + "abcd"
CATALOGUE = {
    "models": [
        {
            "id": name,
            "name": name.title(),
            "kind": "vae",
            "description": "Small.",
            "licence": "Apache-2.0",
            "source": {"hub": f"someone/{name}"},
            "files": [{"path": path} for path in FILES],
            "dtype": "float16",
        }
        for name in ("one", "two", "absent")
    ]
}


@dataclass(frozen=True)
class Machine:
    """A data folder and who types there."""

    data: Path
    models_file: Path | None = None

    def darkroom(self, *words: str | Path) -> Result:
        variables = {"DARKROOM_DATA": str(self.data), "COLUMNS": "200"}
        if self.models_file is not None:
            variables["DARKROOM_MODELS_FILE"] = str(self.models_file)
        return CliRunner().invoke(app, [str(word) for word in words], env=variables)

    def files(self) -> dict[str, bytes]:
        found = (path for path in self.data.rglob("*") if path.is_file())
        return {path.relative_to(self.data).as_posix(): path.read_bytes() for path in found}


def connected(folder: Path) -> Machine:
    """With the models `one` and `two`, as `darkroom pull` leaves them."""
    models = folder / "connected" / "models"
    for name in ("one", "two"):
        for path, content in FILES.items():
            file = models / name / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        known = {path: LockedFile(sha256=sha256(content), size=len(content)) for path, content in FILES.items()}
        add_to_lock(models, {name: LockedModel(hub=f"someone/{name}", revision=REVISION, files=known)})
    listing = folder / "models.yaml"
    listing.write_text(yaml.safe_dump(CATALOGUE))
    return Machine(models.parent, listing)


def exported(machine: Machine, *words: str | Path) -> Path:
    """The bundle that the machine makes."""
    file = machine.data.parent / "bundle.tar"
    result = machine.darkroom("bundle", "export", "-o", file, *words)
    assert result.exit_code == 0, result.output
    return file


def key_pair(folder: Path, name: str = "key") -> tuple[Path, Path]:
    """The files of a private and its public key."""
    key, private, public = Ed25519PrivateKey.generate(), folder / f"{name}.pem", folder / f"{name}.pub"
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return private, public


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def members(bundle: bytes) -> list[tuple[tarfile.TarInfo, bytes]]:
    """As any tar reader sees them."""
    with tarfile.open(fileobj=io.BytesIO(bundle)) as archive:
        return [(info, (archive.extractfile(info) or io.BytesIO()).read()) for info in archive]


def tarred(parts: list[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    """As `darkroom bundle export` spells it, except for what the parts say otherwise."""
    output = io.BytesIO()
    for info, content in parts:
        info.size = len(content)
        output.write(info.tobuf(tarfile.GNU_FORMAT) + content + bytes(-len(content) % tarfile.BLOCKSIZE))
    return output.getvalue() + bytes(2 * tarfile.BLOCKSIZE)


def said_otherwise(bundle: bytes, change: Change) -> bytes:
    """With another manifest, spelled as it should be."""
    said = json.loads(members(bundle)[0][1])
    change(said)
    return with_manifest(bundle, json.dumps(said, indent=1).encode() + b"\n")


def with_manifest(bundle: bytes, manifest: bytes) -> bytes:
    """And the sha256 that belongs to it."""
    (first, _), (second, _), *rest = members(bundle)
    return tarred([(first, manifest), (second, checksum(manifest)), *rest])
