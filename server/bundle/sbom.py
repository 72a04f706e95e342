"""The bill of materials of a bundle: CycloneDX 1.6 in JSON (https://cyclonedx.org/docs/1.6/json/)."""

import json
from typing import Any
from urllib.parse import quote

from server.bundle.manifest import CarriedImage, CarriedModel, CarriedWheel, Part

Component = dict[str, Any]


def bill(
    version: str,
    models: tuple[CarriedModel, ...],
    wheels: tuple[CarriedWheel, ...],
    image: CarriedImage | None,
    parts: dict[str, Part],
) -> bytes:
    """version: Darkroom's. parts: the files by their paths. The same bundle has the same bill: it tells no time."""
    components = [_wheel(wheel, parts[wheel.file]) for wheel in wheels]
    components += [_model(model, [parts[path] for path in model.files]) for model in models]
    components += [_image(image, version)] if image else []
    told = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {"type": "application", "name": "darkroom bundle", "version": version}},
        "components": components,
    }
    return json.dumps(told, indent=1).encode() + b"\n"


def _wheel(wheel: CarriedWheel, part: Part) -> Component:
    address = f"pkg:pypi/{quote(wheel.name, safe='')}@{quote(wheel.version, safe='')}"
    told = {"type": "library", "bom-ref": address, "name": wheel.name, "version": wheel.version, "purl": address}
    return told | _licences(wheel.licence) | _hashes(part)


def _model(model: CarriedModel, parts: list[Part]) -> Component:
    told: Component = {"type": "machine-learning-model", "bom-ref": f"model:{model.id}", "name": model.name}
    if model.revision is not None:
        told["version"] = model.revision
    if model.hub is not None:
        revision = f"@{quote(model.revision, safe='')}" if model.revision else ""
        told["purl"] = f"pkg:huggingface/{quote(model.hub, safe='/')}{revision}"
    told["components"] = [{"type": "file", "name": part.path} | _hashes(part) for part in parts]
    return told | _licences(model.licence)


def _image(image: CarriedImage, version: str) -> Component:
    return {"type": "container", "bom-ref": "image", "name": image.name, "version": version}


def _licences(licence: str | None) -> Component:
    """By name: what publishers write is seldom an expression that a program may read."""
    return {"licenses": [{"license": {"name": licence}}]} if licence else {}


def _hashes(part: Part) -> Component:
    return {"hashes": [{"alg": "SHA-256", "content": part.sha256}]}
