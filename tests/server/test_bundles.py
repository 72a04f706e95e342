"""A bundle carries models from one machine to another, whole, and goes on where it was interrupted."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from safetensors.numpy import save

from pipelines.catalog import read_lock
from server.bundle import importing
from server.bundle.exporting import Wish, export
from server.bundle.importing import Places, bring_in
from server.bundle.manifest import name_of
from server.bundle.models import chosen
from server.cli.composing import load_catalog
from server.errors.bundles import BundleFailed
from server.settings import Settings
from tests.server.bundling import FILES, REVISION, Machine, connected, exported, key_pair, members, sha256


@pytest.fixture
def here(tmp_path: Path) -> Machine:
    return connected(tmp_path)


@pytest.fixture
def there(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "closed")


def test_models_are_installed_where_the_bundle_is_imported(here: Machine, there: Machine) -> None:
    result = there.darkroom("bundle", "import", exported(here))
    assert result.exit_code == 0, result.output
    assert "one is installed." in result.output
    found = there.files()
    for name in ("one", "two"):
        assert {path: found[f"models/{name}/{path}"] for path in FILES} == FILES
    assert read_lock(there.data / "models") == read_lock(here.data / "models"), "what pull knew of them came too"
    assert [path for path in found if "unfinished" in path or "partial" in path] == []
    assert there.data.stat().st_mode & 0o077 == 0


def test_only_what_is_named_goes_in(here: Machine, there: Machine) -> None:
    there.darkroom("bundle", "import", exported(here, "--models", "two"))
    assert (there.data / "models" / "two").is_dir()
    assert not (there.data / "models" / "one").exists()


def test_the_server_there_finds_them_by_the_catalogue_that_came_along(here: Machine, there: Machine) -> None:
    there.darkroom("bundle", "import", exported(here))
    listed = there.darkroom("models").output
    assert all(name in listed for name in ("one", "two", "absent"))
    own = here.models_file
    assert own is not None
    assert (there.data / "models" / "models.yaml").read_text() == own.read_text()
    told = Machine(there.data, own).darkroom("bundle", "import", exported(here)).output
    assert "DARKROOM_MODELS_FILE names another" in told.replace("\n", " ")


def test_a_file_that_was_dropped_in_travels_too(here: Machine, there: Machine) -> None:
    words = here.data / "models" / "embeddings" / "moods" / "calm.safetensors"
    words.parent.mkdir(parents=True)
    words.write_bytes(save({"clip_l": np.zeros((1, 768), np.float16), "clip_g": np.zeros((1, 1280), np.float16)}))
    result = there.darkroom("bundle", "import", exported(here, "--models", "calm"))
    assert "calm is installed." in result.output
    assert there.files()["models/embeddings/moods/calm.safetensors"] == words.read_bytes()


def test_the_same_models_make_the_same_bytes(here: Machine) -> None:
    first = exported(here).read_bytes()
    assert exported(here).read_bytes() == first


def test_any_tar_reader_reads_it_and_its_sha256_is_told(here: Machine) -> None:
    file = here.data.parent / "bundle.tar"
    told = here.darkroom("bundle", "export", "-o", file).output
    assert sha256(file.read_bytes()) in told
    assert [path.name for path in file.parent.iterdir() if path.name.startswith((".", "bundle"))] == ["bundle.tar"]
    listed = subprocess.run(["tar", "-tf", file], capture_output=True, text=True, check=True).stdout.split()  # noqa: S607
    assert listed == [info.name for info, _ in members(file.read_bytes())]
    assert listed[0] == "manifest.json"


def test_the_manifest_says_what_everything_is(here: Machine) -> None:
    (_, manifest), (_, known), *rest = members(exported(here).read_bytes())
    assert known.split()[0].decode() == sha256(manifest)
    said = json.loads(manifest)
    assert {part["path"]: part["sha256"] for part in said["files"]} == {
        info.name: sha256(content) for info, content in rest
    }
    model = said["models"][0]
    assert (model["id"], model["licence"], model["hub"]) == ("one", "Apache-2.0", "someone/one")
    assert model["revision"] == REVISION
    assert said["signed"] is False


def test_the_bill_of_materials_is_cyclonedx(here: Machine) -> None:
    bill = {info.name: content for info, content in members(exported(here).read_bytes())}["sbom.cdx.json"]
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(bill.decode()) is None
    models = {component["bom-ref"]: component for component in json.loads(bill)["components"]}
    assert models["model:one"]["licenses"] == [{"license": {"name": "Apache-2.0"}}]
    assert models["model:one"]["purl"] == f"pkg:huggingface/someone/one@{REVISION}"
    hashes = [file["hashes"][0]["content"] for file in models["model:one"]["components"]]
    assert hashes == [sha256(content) for content in FILES.values()]


def test_a_signed_bundle_is_taken_by_who_knows_the_key(here: Machine, there: Machine, tmp_path: Path) -> None:
    private, public = key_pair(tmp_path)
    file = exported(here, "--sign", private)
    result = there.darkroom("bundle", "import", file, "--verify", public)
    assert result.exit_code == 0, result.output
    again = there.darkroom("bundle", "import", file)
    assert "nobody looked by whom" in again.output


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl here")
def test_openssl_verifies_the_signature_where_there_is_no_darkroom_yet(here: Machine, tmp_path: Path) -> None:
    private, public = key_pair(tmp_path)
    unpacked = {info.name: content for info, content in members(exported(here, "--sign", private).read_bytes())}
    for name in ("manifest.json", "manifest.sig"):
        (tmp_path / name).write_bytes(unpacked[name])
    verify = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", public, "-rawin", "-in", "manifest.json"]
    told = subprocess.run(
        [*verify, "-sigfile", "manifest.sig"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stderr


class Unplugged(Exception):
    """The stick was pulled out, or the export stopped."""


@pytest.mark.parametrize("spoiled", [False, True], ids=["as it was left", "with a byte that has changed since"])
def test_an_interrupted_export_goes_on(here: Machine, spoiled: bool) -> None:
    output = here.data.parent / "bundle.tar"
    partial = output.with_name("bundle.tar.unfinished") / "bundle.tar"
    catalog = load_catalog(Settings(data=here.data, models_file=here.models_file))
    wish = Wish(chosen(catalog, None))
    there_already: list[int] = []

    def stop(what: str, done: int, total: int) -> None:
        if what == "writing" and done > total / 2:
            raise Unplugged

    def look(what: str, done: int, total: int) -> None:
        if what == "writing":
            there_already.append(partial.stat().st_size)

    with pytest.raises(Unplugged):
        export(catalog, wish, output, None, stop)
    assert not output.exists()
    left = partial.read_bytes()
    if spoiled:
        partial.write_bytes(left[:100] + b"?" + left[101:])
    export(catalog, wish, output, None, look)
    assert (min(there_already) >= len(left)) is not spoiled, "what was written is written again only if it is wrong"
    other = output.with_name("other.tar")
    export(catalog, wish, other, None, lambda *_: None)
    assert output.read_bytes() == other.read_bytes()
    assert [path.name for path in output.parent.glob("*.unfinished")] == []


def test_an_interrupted_copy_goes_on(here: Machine, there: Machine) -> None:
    file = exported(here)
    places = Places(there.data / "models", there.data / "bundles")
    large = len(FILES["deep/down/weights.safetensors"])

    def unplug(what: str, done: int, total: int) -> None:
        if what == "copying" and done > 2 * large:
            raise Unplugged

    with pytest.raises(Unplugged):
        bring_in(file, places, None, unplug)
    assert not (there.data / "models" / "one").exists(), "nothing is installed before everything is here"
    kept = {path.name: path.stat().st_ino for path in there.data.rglob("*") if path.is_file()}
    inode = kept["weights.safetensors"]
    bring_in(file, places, None, lambda *_: None)
    installed = [path.stat().st_ino for path in there.data.rglob("weights.safetensors")]
    assert inode in installed, "what was there was not copied again"
    assert there.files()["models/two/config.json"] == FILES["config.json"]


def test_what_is_there_already_is_not_copied_again(here: Machine, there: Machine) -> None:
    places = Places(there.data / "models", there.data / "bundles")
    file = exported(here)
    bring_in(file, places, None, lambda *_: None)
    before = {path: path.stat().st_ino for path in (there.data / "models").glob("*/**/*.*")}
    copied: list[int] = []
    bring_in(file, places, None, lambda what, done, total: copied.append(done) if what == "copying" else None)
    assert copied == []
    assert {path: path.stat().st_ino for path in before} == before


def test_a_file_that_rotted_is_replaced_by_importing_again(here: Machine, there: Machine) -> None:
    file = exported(here)
    there.darkroom("bundle", "import", file)
    rotten = there.data / "models" / "one" / "config.json"
    rotten.write_bytes(b"{}")
    there.darkroom("bundle", "import", file)
    assert rotten.read_bytes() == FILES["config.json"]


def test_too_little_room_is_told_before_anything_is_copied(
    here: Machine, there: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing.shutil, "disk_usage", lambda place: shutil._ntuple_diskusage(10, 0, 10))
    with pytest.raises(BundleFailed, match="not enough room"):
        bring_in(exported(here), Places(there.data / "models", there.data / "bundles"), None, lambda *_: None)
    assert there.files() == {}


def test_what_was_imported_is_kept_on_record(here: Machine, there: Machine) -> None:
    file = exported(here)
    there.darkroom("bundle", "import", file)
    manifest = members(file.read_bytes())[0][1]
    record = there.data / "bundles" / name_of(manifest)
    assert sorted(path.name for path in record.iterdir()) == ["manifest.json", "sbom.cdx.json"]
    assert (record / "manifest.json").read_bytes() == manifest


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--models", "absent"], "darkroom pull absent"),
        (["--models", "nobody"], "No model has this name"),
        (["--models", "one", "--sign", "nowhere.pem"], "cannot be read"),
    ],
    ids=["not installed", "unknown", "no key"],
)
def test_what_cannot_be_exported_is_told_and_leaves_no_file(here: Machine, words: list[str], told: str) -> None:
    file = here.data.parent / "bundle.tar"
    result = here.darkroom("bundle", "export", "-o", file, *words)
    assert result.exit_code == 2
    assert told in result.stderr
    assert "Traceback" not in result.output
    assert not file.exists()


def test_a_pickle_is_not_exported(here: Machine) -> None:
    (here.data / "models" / "one" / "config.json").write_bytes(b"\x80\x04cos\nsystem\n.")
    result = here.darkroom("bundle", "export", "-o", here.data / "bundle.tar")
    assert result.exit_code == 2
    assert "convert it to safetensors" in result.stderr
    assert not (here.data / "bundle.tar").exists()


def test_a_disk_that_is_full_while_exporting_leaves_no_file(here: Machine) -> None:
    result = here.darkroom("bundle", "export", "-o", here.data / "nowhere" / "bundle.tar")
    assert result.exit_code == 2
    assert "could not be written" in result.stderr
