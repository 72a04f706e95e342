"""A bundle that is not what it should be is refused with a sentence, and leaves nothing behind."""

import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from server.bundle.importing import Places, bring_in
from server.bundle.manifest import LARGEST_FILE
from server.errors.bundles import BundleRefused
from tests.server.bundling import (
    FILES,
    Change,
    Machine,
    connected,
    exported,
    key_pair,
    members,
    said_otherwise,
    sha256,
    tarred,
    with_manifest,
)  # fmt: skip

CHANGED = "sha256"
DAMAGED = "its beginning is damaged"
OTHERWISE = "does not say what it must"
SHORT = "ends too early"
CONFIG = "models/one/config.json"


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return exported(connected(tmp_path_factory.mktemp("good"))).read_bytes()


@pytest.fixture
def closed(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "closed")


def refused(closed: Machine, bundle: bytes, *words: str | Path) -> str:
    """What is told of it; nothing is left behind."""
    file = closed.data.parent / "bundle.tar"
    file.write_bytes(bundle)
    result = closed.darkroom("bundle", "import", file, *words)
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output
    assert not closed.data.exists(), sorted(closed.data.rglob("*"))
    return result.stderr


def without(name: str) -> Callable[[bytes], bytes]:
    return lambda good: tarred([(info, content) for info, content in members(good) if info.name != name])


def instead(change: Callable[[tarfile.TarInfo], object], name: str = CONFIG) -> Callable[[bytes], bytes]:
    """With another header before the file of that name."""

    def changed(good: bytes) -> bytes:
        parts = members(good)
        for info, _ in parts:
            if info.name == name:
                change(info)
        return tarred(parts)

    return changed


def swapped(good: bytes) -> bytes:
    first, second, third, *rest = members(good)
    return tarred([first, third, second, *rest])


def with_one_more(good: bytes) -> bytes:
    return tarred([*members(good), (tarfile.TarInfo("models/one/more.json"), b"{}")])


def rotten(good: bytes) -> bytes:
    place = good.index(FILES["config.json"])
    return good[:place] + b"X" + good[place + 1 :]


BAD_FILES: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "nothing": (lambda good: b"", DAMAGED),
    "no tar": (lambda good: b"PK\x03\x04" + good, DAMAGED),
    "zeros": (lambda good: bytes(20_000), DAMAGED),
    "a flipped byte": (rotten, CHANGED),
    "half of it": (lambda good: good[: len(good) // 2], SHORT),
    "the last byte is gone": (lambda good: good[:-1], SHORT),
    "the first block alone": (lambda good: good[:512], SHORT),
    "a byte more": (lambda good: good + b"\0", "more than its manifest names"),
    "a missing file": (without(CONFIG), SHORT),
    "no manifest": (without("manifest.json"), DAMAGED),
    "a file more": (with_one_more, "more than its manifest names"),
    "another order": (swapped, "not those that its manifest names"),
    "a symbolic link": (instead(lambda info: setattr(info, "type", tarfile.SYMTYPE)), "a link, a device"),
    "a hard link": (instead(lambda info: setattr(info, "type", tarfile.LNKTYPE)), "a link, a device"),
    "a device": (instead(lambda info: setattr(info, "type", tarfile.BLKTYPE)), "a link, a device"),
    "a pipe": (instead(lambda info: setattr(info, "type", tarfile.FIFOTYPE)), "a link, a device"),
    "a folder": (instead(lambda info: setattr(info, "type", tarfile.DIRTYPE)), "a link, a device"),
    "a sparse file": (instead(lambda info: setattr(info, "type", tarfile.GNUTYPE_SPARSE)), "a link, a device"),
    "a path that climbs": (instead(lambda info: setattr(info, "name", "../../climbed")), "not those that its manifest"),
    "a path from the root": (instead(lambda info: setattr(info, "name", "/climbed")), "not those that its manifest"),
    "a program": (instead(lambda info: setattr(info, "mode", 0o4755)), "not those that its manifest"),
    "a link as manifest": (instead(lambda info: setattr(info, "type", tarfile.SYMTYPE), "manifest.json"), DAMAGED),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_a_file_that_is_no_whole_bundle_is_refused(good: bytes, closed: Machine, case: str) -> None:
    make, told = BAD_FILES[case]
    assert told in refused(closed, make(good))


def test_whichever_byte_is_flipped_is_found(good: bytes, tmp_path: Path) -> None:
    file, places = tmp_path / "bundle.tar", Places(tmp_path / "models", tmp_path / "bundles")
    for place in range(0, len(good), 37):
        file.write_bytes(good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :])
        with pytest.raises(BundleRefused):
            bring_in(file, places, None, lambda *_: None)
    assert [path.name for path in tmp_path.iterdir()] == ["bundle.tar"]


def test_a_manifest_of_a_size_beyond_all_measure_is_not_read(good: bytes, closed: Machine) -> None:
    info = members(good)[0][0]
    info.size = 1 << 60
    assert DAMAGED in refused(closed, info.tobuf(tarfile.GNU_FORMAT) + good[512:])


def of_config(said: dict[str, Any]) -> dict[str, Any]:
    (part,) = [part for part in said["files"] if part["path"] == CONFIG]
    return part


def moved(path: str) -> Change:
    """The file lies elsewhere by the word of the manifest, in all its places."""

    def change(said: dict[str, Any]) -> None:
        of_config(said)["path"] = path
        said["models"][0]["files"][0] = path

    return change


def named_too(said: dict[str, Any]) -> None:
    said["files"].append({"path": "models/one/more.json", "sha256": "0" * 64, "size": 2})
    said["models"][0]["files"].append("models/one/more.json")


def of_the_file(**fields: object) -> Change:
    return lambda said: of_config(said).update(fields)


def wheel(name: str) -> Change:
    def change(said: dict[str, Any]) -> None:
        empty = {"sha256": sha256(b""), "size": 0}
        described = {"name": "thing", "version": "1", "licence": None, "file": f"wheels/{name}"}
        said["wheels"] = [described]
        said["files"] += [{"path": path, **empty} for path in (described["file"], "wheels/requirements.txt")]

    return change


def image(said: dict[str, Any]) -> None:
    said["image"] = {"name": "darkroom", "architecture": "s390x"}
    said["files"].append({"path": "image.tar", "sha256": sha256(b""), "size": 0})


def lists_again(said: dict[str, Any]) -> None:
    said["files"].append(said["files"][0])


LIES: dict[str, tuple[Change, str]] = {
    "a path that climbs": (moved("models/one/../../../climbed"), OTHERWISE),
    "a path from the root": (moved("/climbed"), OTHERWISE),
    "a hidden file": (moved("models/one/.hidden"), OTHERWISE),
    "another system's path": (moved("models\\one\\climbed"), OTHERWISE),
    "beside the models": (moved("models/models.lock.yaml"), OTHERWISE),
    "elsewhere": (moved("darkroom.db"), OTHERWISE),
    "below another file": (moved("models/one/deep/down/weights.safetensors/x"), OTHERWISE),
    "a line break": (moved("models/one/a\nb"), OTHERWISE),
    "an endless path": (moved("models/one/" + "a" * 2000), OTHERWISE),
    "more than there is": (named_too, SHORT),
    "a file of nothing": (lambda said: said["models"].pop(), OTHERWISE),
    "a model without its file": (lambda said: said["files"].remove(of_config(said)), OTHERWISE),
    "a file twice": (lists_again, OTHERWISE),
    "another sha256": (of_the_file(sha256="0" * 64), CHANGED),
    "no sha256": (of_the_file(sha256="none"), OTHERWISE),
    "another size": (of_the_file(size=1), "not those that its manifest names"),
    "a huge size": (of_the_file(size=LARGEST_FILE), SHORT),
    "a size beyond all measure": (of_the_file(size=10**400), OTHERWISE),
    "less than nothing": (of_the_file(size=-1), OTHERWISE),
    "a later format": (lambda said: said.update(format=2), OTHERWISE),
    "an unknown field": (lambda said: said.update(run="rm"), OTHERWISE),
    "wheels of another platform": (wheel("thing-1-py3-none-win_amd64.whl"), "another platform or Python"),
    "wheels of another Python": (wheel("thing-1-cp27-cp27m-manylinux1_x86_64.whl"), "another platform or Python"),
    "a wheel that is none": (wheel("thing.whl"), "among its wheels that is none"),
    "no wheel at all": (wheel("thing.exe"), OTHERWISE),
    "an image for another processor": (image, "another processor"),
    "signed, without a signature": (lambda said: said.update(signed=True), "not those that its manifest names"),
}


@pytest.mark.parametrize("case", LIES)
def test_a_manifest_that_lies_is_refused(good: bytes, closed: Machine, case: str) -> None:
    change, told = LIES[case]
    assert told in refused(closed, said_otherwise(good, change))


@pytest.mark.parametrize("spelled", [b"not json", b"[" * 100_000, b'{"format": 1}', b"\xff\xfe", b"null"], ids=str)
def test_a_manifest_that_is_none_is_refused(good: bytes, closed: Machine, spelled: bytes) -> None:
    assert OTHERWISE in refused(closed, with_manifest(good, spelled))


def test_a_manifest_in_another_spelling_is_refused(good: bytes, closed: Machine) -> None:
    said = json.loads(members(good)[0][1])
    assert "is not as" in refused(closed, with_manifest(good, json.dumps(said).encode()))


def test_a_pickle_in_a_bundle_is_refused(good: bytes, closed: Machine) -> None:
    pickle = b"\x80\x04cos\nsystem\n."

    def change(said: dict[str, Any]) -> None:
        of_config(said).update(sha256=sha256(pickle), size=len(pickle))

    parts = [(info, pickle if info.name == CONFIG else content) for info, content in members(good)]
    assert "may hold code" in refused(closed, said_otherwise(tarred(parts), change))


def test_a_catalogue_that_is_none_is_refused(good: bytes, closed: Machine) -> None:
    spoilt = b"models: [1, 2"

    def change(said: dict[str, Any]) -> None:
        (part,) = [part for part in said["files"] if part["path"] == "models.yaml"]
        part.update(sha256=sha256(spoilt), size=len(spoilt))

    parts = [(info, spoilt if info.name == "models.yaml" else content) for info, content in members(good)]
    assert "models.yaml" in refused(closed, said_otherwise(tarred(parts), change))


@pytest.mark.parametrize(
    ("signs", "verifies", "told"),
    [
        ("key.pem", "another.pub", "not signed with this key"),
        (None, "key.pub", "is not signed"),
        ("key.pem", "none.pub", "cannot be read"),
        ("key.pem", "key.pem", "cannot be read"),
    ],
    ids=["another key", "not signed", "no key", "a private key"],
)
def test_a_signature_that_does_not_hold_is_refused(
    closed: Machine, tmp_path: Path, signs: str | None, verifies: str, told: str
) -> None:
    key_pair(tmp_path)
    key_pair(tmp_path, "another")
    words = ["--sign", tmp_path / signs] if signs else []
    bundle = exported(connected(tmp_path), *words).read_bytes()
    assert told in refused(closed, bundle, "--verify", tmp_path / verifies)


def test_a_manifest_that_was_changed_after_it_was_signed_is_refused(closed: Machine, tmp_path: Path) -> None:
    private, public = key_pair(tmp_path)
    signed = exported(connected(tmp_path), "--sign", private).read_bytes()
    changed = said_otherwise(signed, lambda said: said.update(darkroom="9.9.9"))
    assert "not signed with this key" in refused(closed, changed, "--verify", public)


def test_a_bundle_that_changes_while_it_is_read_leaves_nothing(good: bytes, closed: Machine) -> None:
    file = closed.data.parent / "bundle.tar"
    file.write_bytes(good)

    def meddle(what: str, done: int, total: int) -> None:
        if what == "verifying" and done == total:
            file.write_bytes(rotten(good))

    with pytest.raises(BundleRefused, match="changed while it was read"):
        bring_in(file, Places(closed.data / "models", closed.data / "bundles"), None, meddle)
    assert not closed.data.exists()


def test_what_was_installed_before_stays_when_a_bad_one_is_refused(good: bytes, closed: Machine) -> None:
    file = closed.data.parent / "bundle.tar"
    file.write_bytes(good)
    closed.darkroom("bundle", "import", file)
    before = closed.files()
    file.write_bytes(said_otherwise(good, of_the_file(sha256="0" * 64)))
    assert closed.darkroom("bundle", "import", file).exit_code == 2
    assert closed.files() == before


def test_a_folder_in_place_of_a_bundle_is_told_plainly(closed: Machine, tmp_path: Path) -> None:
    result = closed.darkroom("bundle", "import", tmp_path)
    assert result.exit_code == 2
    assert "cannot be read" in result.stderr
