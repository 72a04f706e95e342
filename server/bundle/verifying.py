"""Whether a bundle is whole and true, before anything of it is written anywhere."""

import hashlib
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from server.bundle import archive, image, signing, wheels
from server.bundle.manifest import Manifest, Part, name_of, parse
from server.bundle.progress import Report, counting
from server.errors.bundles import BundleRefused


class Verified(NamedTuple):
    """starts: where each of its files begins, in bytes."""

    manifest: Manifest
    name: str
    starts: dict[str, int]


def verify(file: BinaryIO, key: Ed25519PublicKey | None, report: Report) -> Verified:
    """Read all of the bundle. key: whose signature it has to carry; None asks for none.

    Raises BundleRefused where it is not what its manifest says, or not for this machine.
    """
    said = archive.read_manifest(file)
    manifest = parse(said)
    signature = archive.read_signature(file) if manifest.signed else None
    if key is not None:
        signing.check(key, said, signature)
    if said != manifest.content:  # whoever spells it otherwise may mean it otherwise
        raise BundleRefused("The bundle's manifest is not as `darkroom bundle export` writes it: export it again.")
    wheels.check_fit(manifest.wheels)
    image.check_fit(manifest.image)
    archive.check_length(file, manifest)
    starts, seen = {}, counting("verifying", manifest.bytes, report)
    for part in manifest.files:
        starts[part.path] = file.tell()
        for chunk in content(file, part):
            seen(len(chunk))
    archive.read_end(file)
    return Verified(manifest, name_of(said), starts)


def content(file: BinaryIO, part: Part) -> Iterator[bytes]:
    """The next file of the bundle, in pieces. Raises BundleRefused where it turns out to be another one."""
    digest = hashlib.sha256()
    for chunk in archive.read_member(file, part.path, part.size):
        digest.update(chunk)
        yield chunk
    if digest.hexdigest() != part.sha256:
        sentence = f"The file {part.path} of the bundle has another sha256 than its manifest says: copy it again."
        raise BundleRefused(sentence)
