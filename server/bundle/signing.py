"""Signatures of bundles: Ed25519 (RFC 8032) over the manifest, which holds the sha256 of everything else.

Keys are PEM files as `openssl genpkey -algorithm ed25519` makes them, so that openssl can verify a bundle too.
"""

from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from server.errors.bundles import BundleFailed, BundleRefused


def private_key(file: Path) -> Ed25519PrivateKey:
    """Raises BundleFailed."""
    try:
        key = load_pem_private_key(file.read_bytes(), password=None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise BundleFailed("The key to sign with cannot be read: it is a PEM file without a password.") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise BundleFailed("The key to sign with is not Ed25519: openssl genpkey -algorithm ed25519 makes one.")
    return key


def public_key(file: Path) -> Ed25519PublicKey:
    """Raises BundleFailed."""
    try:
        key = load_pem_public_key(file.read_bytes())
    except (OSError, ValueError, UnsupportedAlgorithm) as error:
        raise BundleFailed("The key to verify with cannot be read: it is a PEM file with a public key.") from error
    if not isinstance(key, Ed25519PublicKey):
        raise BundleFailed("The key to verify with is not Ed25519.")
    return key


def check(key: Ed25519PublicKey, manifest: bytes, signature: bytes | None) -> None:
    """Raises BundleRefused."""
    if signature is None:
        raise BundleRefused("The bundle is not signed, and a signature was asked for: get the signed one.")
    try:
        key.verify(signature, manifest)
    except InvalidSignature as error:
        raise BundleRefused("The bundle was not signed with this key, or somebody changed it: leave it.") from error
