"""models.yaml is checked at the door, and the catalogue knows what is installed and where."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipelines.catalog import TASKS, Catalog, default_file
from pipelines.errors import CatalogInvalid, ModelNotInstalled, ModelUnknown
from tests.pipelines.conftest import ENTRY, Write

GOOD = """\
models:
  - id: upscaler-1
    name: An upscaler
    kind: upscaler
    description: It enlarges.
    licence: MIT
    source: {hub: owner/name, revision: null}
    files:
      - path: weights.safetensors
    dtype: float32
"""
DEMOS = (
    "shapes-xl",
    "shapes-ink",
    "shapes-control",
    "shapes-ip",
    "shapes-upscale",
    "shapes-matting",
    "shapes-clipseg",
)
REAL_ONES = (
    "stable-diffusion-xl-base-1.0",
    "sdxl-lightning-4step",
    "stable-diffusion-xl-1.0-inpainting-0.1",
    "sdxl-instructpix2pix-768",
    "controlnet-canny-sdxl-1.0",
    "controlnet-depth-sdxl-1.0",
    "controlnet-scribble-sdxl-1.0",
    "depth-anything-v2-small",
    "ip-adapter-sdxl",
    "real-esrgan-x4plus",
    "real-esrgan-x2plus",
    "birefnet",
    "gfpgan-1.4",
    "yunet",
    "yolos-tiny",
    "blip-captioning-base",
    "nsfw-image-detection",
    "aesthetics-predictor-v2",
    "clipseg-rd64-refined",
)


def install(catalog: Catalog, name: str) -> None:
    for file in catalog.get(name).files:
        path = catalog.folder(catalog.get(name)) / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"1234")


def test_the_catalogue_that_we_ship_is_valid_and_invents_nothing(tmp_path: Path) -> None:
    catalog = Catalog.load(default_file(), tmp_path)
    assert tuple(model.id for model in catalog.models) == (*DEMOS, *REAL_ONES)
    assert all(catalog.get(name).embedded and catalog.is_installed(catalog.get(name)) for name in DEMOS)
    for name in REAL_ONES:
        model = catalog.get(name)
        assert not catalog.is_installed(model)
        assert model.source is None or model.source.revision is None
        assert all(file.sha256 is None and file.path.endswith(WANTED_ENDS) for file in model.files)


WANTED_ENDS = (".json", ".txt", ".safetensors", ".onnx")


@pytest.mark.parametrize(
    ("wrong", "right", "line", "field"),
    [
        ("kind: upscaler", "kind: wizard", 4, "models.0.kind"),
        ("    licence: MIT\n", "", 2, "models.0.licence"),
        ("dtype: float32", "dtype: float32\n    colour: red", 11, "models.0.colour"),
        ("path: weights.safetensors", "path: ../weights.safetensors", 9, "models.0.files.0.path"),
        ("path: weights.safetensors", "path: /etc/passwd", 9, "models.0.files.0.path"),
        ("path: weights.safetensors", "path: w.onnx\n        sha256: abc", 10, "models.0.files.0.sha256"),
        ("id: upscaler-1", "id: ../upscaler", 2, "models.0.id"),
        ("id: upscaler-1", "id: 7", 2, "models.0.id"),
        ("name: An upscaler", "name: An upscaler\n    name: Another", 4, "name"),
        ("dtype: float32", "dtype: float32\n    native_sizes: [128x128, 12]", 11, "models.0.native_sizes.1"),
        ("dtype: float32", "dtype: float32\n    limits: {max_steps: .nan}", 11, "models.0.limits.max_steps"),
        ("dtype: float32", "dtype: float32\n    tokenizers_from: nobody", 11, "models.0.tokenizers_from"),
        ("kind: upscaler", "kind: sdxl", 2, "models.0"),
        ("models:", "modles:", 1, "models"),
    ],
    ids=[
        "unknown kind",
        "missing field",
        "unknown field",
        "climbs out",
        "absolute path",
        "no sha256",
        "id climbs out",
        "id is a number",
        "said twice",
        "no size",
        "not a number",
        "borrows from nobody",
        "draws without defaults",
        "unknown head",
    ],
)
def test_a_mistake_is_told_with_file_line_and_field(
    tmp_path: Path, wrong: str, right: str, line: int, field: str
) -> None:
    path = tmp_path / "models.yaml"
    path.write_text(GOOD.replace(wrong, right))
    with pytest.raises(CatalogInvalid) as raised:
        Catalog.load(path, tmp_path)
    assert raised.value.sentence.startswith(f"models.yaml: line {line}: ")
    assert raised.value.field == field
    assert field in raised.value.sentence
    assert str(tmp_path) not in raised.value.sentence


@pytest.mark.parametrize(
    "content",
    [b"models: [", b"", b"just words", b"\xff\xfe\x00", b"models: !!python/object/apply:os.getcwd []", b"- 1"],
    ids=["broken", "empty", "words", "not text", "a tag that would run", "a list"],
)
def test_what_is_no_catalogue_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "models.yaml"
    path.write_bytes(content)
    with pytest.raises(CatalogInvalid, match=r"models\.yaml"):
        Catalog.load(path, tmp_path)


def test_an_absent_file_is_a_named_error(tmp_path: Path) -> None:
    with pytest.raises(CatalogInvalid):
        Catalog.load(tmp_path / "models.yaml", tmp_path)


def test_an_id_given_twice_is_told_where(catalogued: Write) -> None:
    with pytest.raises(CatalogInvalid, match="another model has this id"):
        catalogued({}, {})


def test_an_unknown_name_is_a_named_error(catalogued: Write) -> None:
    with pytest.raises(ModelUnknown):
        catalogued({}).get("../tiny")


def test_a_model_is_installed_when_all_its_files_are_there(catalogued: Write) -> None:
    catalog = catalogued({})
    model = catalog.get("tiny")
    assert catalog.to_pull(model) == ("tiny",)
    install(catalog, "tiny")
    assert catalog.is_installed(model)
    (catalog.folder(model) / model.files[0].path).unlink()
    assert not catalog.is_installed(model)


def test_a_borrower_needs_the_lender_too(catalogued: Write) -> None:
    catalog = catalogued({"id": "lender"}, {"id": "borrower", "tokenizers_from": "lender"})
    assert catalog.to_pull(catalog.get("borrower")) == ("borrower", "lender")
    install(catalog, "borrower")
    assert catalog.to_pull(catalog.get("borrower")) == ("lender",)


def test_the_size_is_known_once_the_files_are_there(catalogued: Write) -> None:
    files = {"files": [{"path": "a.json"}, {"path": "b.json"}]}
    assert catalogued(files).get("tiny").size_bytes is None
    install(catalogued(files), "tiny")
    assert catalogued(files).get("tiny").size_bytes == 8


def test_an_embedded_model_lies_in_the_package(catalogued: Write) -> None:
    catalog = catalogued({"embedded": True})
    assert catalog.folder(catalog.get("tiny")).parts[-3:] == ("pipelines", "demo", "tiny")


@pytest.mark.parametrize(
    ("entries", "installed", "expected"),
    [
        ([{"id": "demo"}, {"id": "real"}], {"demo", "real"}, "real"),
        ([{"id": "demo"}, {"id": "real"}], {"demo"}, "demo"),
        ([{"id": "first"}, {"id": "second"}], {"first", "second"}, "first"),
        ([{"id": "first"}, {"id": "second"}], {"second"}, "second"),
        ([{"id": "filler", "kind": "sdxl-inpaint"}, {"id": "real"}], {"filler", "real"}, "real"),
    ],
    ids=["demo last", "only the demo", "file order", "only installed", "one that draws from text"],
)
def test_the_default_is_the_first_installed_real_model(
    catalogued: Write,
    monkeypatch: pytest.MonkeyPatch,
    entries: list[dict[str, Any]],
    installed: set[str],
    expected: str,
) -> None:
    catalog = catalogued(*(entry | {"embedded": entry["id"] == "demo"} for entry in entries))
    monkeypatch.setattr(Catalog, "is_installed", lambda _, model: model.id in installed)
    assert catalog.default().id == expected


def test_without_any_model_there_is_no_default(catalogued: Write) -> None:
    with pytest.raises(ModelNotInstalled, match="darkroom pull"):
        catalogued({}).default()


ALIASES = {"sdxl": ["base", "newer"], "anything": []}


@pytest.mark.parametrize(
    ("name", "installed", "expected"),
    [
        (None, {"demo", "base"}, "base"),
        ("newer", set(), "newer"),
        ("sdxl", {"demo", "newer"}, "newer"),
        ("sdxl", {"demo", "base", "newer"}, "base"),
        ("anything", {"demo", "other"}, "other"),
        ("sdxl", {"demo"}, "demo"),
    ],
    ids=["nothing", "an id, installed or not", "what is there of it", "the first", "whatever draws", "the demo for it"],
)
def test_a_name_of_another_service_stands_for_a_model(
    catalogued: Write, monkeypatch: pytest.MonkeyPatch, name: str | None, installed: set[str], expected: str
) -> None:
    ids = ("demo", "base", "newer", "other")
    catalog = catalogued(*({"id": name, "embedded": name == "demo"} for name in ids), aliases=ALIASES)
    monkeypatch.setattr(Catalog, "is_installed", lambda _, model: model.id in installed)
    meant = catalog.meant(name, "text_to_image")
    assert meant.model.id == expected
    assert (meant.warning is not None) == (expected == "demo")


def test_beside_a_real_model_no_demo_stands_in(catalogued: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    catalog = catalogued(
        {"id": "demo", "embedded": True}, {"id": "base"}, {"id": "newer"}, {"id": "other"}, aliases=ALIASES
    )
    monkeypatch.setattr(Catalog, "is_installed", lambda _, model: model.id in {"demo", "other"})
    with pytest.raises(ModelNotInstalled, match="darkroom pull base"):
        catalog.meant("sdxl", "text_to_image")
    with pytest.raises(ModelUnknown):
        catalog.meant("nobody-knows-it", "text_to_image")


def test_an_alias_of_what_is_no_entry_is_told_where(catalogued: Write) -> None:
    with pytest.raises(CatalogInvalid, match="aliases"):
        catalogued({}, aliases={"sdxl": ["gone"]})


def test_every_kind_says_what_it_can_do(catalogued: Write) -> None:
    for kind in TASKS:
        assert catalogued({"kind": kind}).get("tiny").tasks == TASKS[kind]


def test_a_lock_file_that_was_spoilt_is_told(catalogued: Write, tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "models.lock.yaml").write_text(yaml.safe_dump({"models": {"tiny": {"hub": "a/b"}}}))
    with pytest.raises(CatalogInvalid, match=r"models\.lock\.yaml: line 2"):
        catalogued(ENTRY)


def test_asking_the_catalogue_loads_no_torch() -> None:
    program = "import sys, pipelines.catalog, pipelines.planning; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False, cwd=Path(__file__).parents[2]).returncode == 0
