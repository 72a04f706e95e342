"""What a bundle says of itself: its files with their sha256, and what they are. Checked, whoever wrote it."""

import hashlib
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from pipelines.catalog import PART_OF_PATH, Id, Sha256
from server.errors.bundles import BundleRefused

MANIFEST, CHECKSUM, SIGNATURE, SBOM = "manifest.json", "manifest.sha256", "manifest.sig", "sbom.cdx.json"
CATALOGUE, IMAGE, REQUIREMENTS = "models.yaml", "image.tar", "wheels/requirements.txt"
MODELS, WHEELS = "models", "wheels"
LARGEST_FILE = 1 << 50  # bytes
Words = Annotated[str, Field(max_length=1000)]
# Relative, and no part of it begins with a dot: nothing can climb out, and nothing hides.
BundlePath = Annotated[str, Field(pattern=rf"^{PART_OF_PATH}(/{PART_OF_PATH}){{0,11}}$", max_length=1000)]


class Form(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class Part(Form):
    """One file. size: bytes."""

    path: BundlePath
    sha256: Sha256
    size: int = Field(ge=0, le=LARGEST_FILE)


class CarriedModel(Form):
    """hub, revision: where it was pulled from, null where somebody put it there."""

    id: Id
    name: Words
    kind: Words
    licence: Words | None
    hub: Words | None
    revision: Words | None
    files: Annotated[tuple[BundlePath, ...], Field(min_length=1)]


class CarriedWheel(Form):
    name: Words
    version: Words
    licence: Words | None
    file: BundlePath


class CarriedImage(Form):
    """architecture: as container engines name it, such as amd64."""

    name: Words
    architecture: Words


class Target(Form):
    """What the wheels are for. python: such as 3.11; platform: a tag of wheels; cuda: whose libraries they bring."""

    python: Words
    platform: Words
    cuda: Words | None


class Manifest(Form):
    """format: of the bundle. darkroom: the version that made it. signed: whether a signature follows."""

    format: Literal[1] = 1
    darkroom: Words
    target: Target | None
    signed: bool
    models: tuple[CarriedModel, ...]
    wheels: tuple[CarriedWheel, ...]
    image: CarriedImage | None
    files: Annotated[tuple[Part, ...], Field(max_length=100_000)]

    @model_validator(mode="after")
    def _names_each_file_once_and_for_something(self) -> Self:
        paths = [part.path for part in self.files]
        parents = {str(parent) for path in paths for parent in PurePosixPath(path).parents}
        if len(set(paths)) != len(paths) or parents & set(paths):
            raise ValueError("two files would lie in one place")
        owned = {*self._owned()}
        if owned - {CATALOGUE} != set(paths) - {CATALOGUE}:
            raise ValueError("the files are not those of the models, the wheels and the image")
        return self

    @model_validator(mode="after")
    def _puts_files_where_they_belong(self) -> Self:
        models = [PurePosixPath(file).parts for model in self.models for file in model.files]
        wheels = [PurePosixPath(wheel.file) for wheel in self.wheels]
        # Below a folder of the models folder: what lies beside those folders is the catalogue's.
        if any(parts[0] != MODELS or len(parts) < 3 for parts in models):
            raise ValueError("a model's file lies elsewhere")
        if any(wheel.parent != PurePosixPath(WHEELS) or wheel.suffix != ".whl" for wheel in wheels):
            raise ValueError("a wheel lies elsewhere")
        return self

    def _owned(self) -> Iterator[str]:
        yield SBOM
        for model in self.models:
            yield from model.files
        yield from (wheel.file for wheel in self.wheels)
        if self.wheels:
            yield REQUIREMENTS
        if self.image:
            yield IMAGE

    @property
    def content(self) -> bytes:
        """The manifest as it lies in the bundle; the same one is the same bytes."""
        return self.model_dump_json(indent=1).encode() + b"\n"

    @property
    def bytes(self) -> int:
        return sum(part.size for part in self.files)

    @property
    def carries_catalogue(self) -> bool:
        return any(part.path == CATALOGUE for part in self.files)


def parse(content: bytes) -> Manifest:
    """Raises BundleRefused."""
    try:
        return Manifest.model_validate_json(content)
    except ValidationError as error:
        sentence = "The bundle's manifest does not say what it must: a later version made it, or somebody changed it."
        raise BundleRefused(sentence) from error


def checksum(content: bytes) -> bytes:
    """Of the manifest, as sha256sum(1) checks it."""
    return f"{hashlib.sha256(content).hexdigest()}  {MANIFEST}\n".encode()


def name_of(content: bytes) -> str:
    """Of the bundle with this manifest: other content, another name."""
    return hashlib.sha256(content).hexdigest()[:12]
