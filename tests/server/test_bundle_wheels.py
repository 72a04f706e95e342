"""Wheels and images in bundles: for whom they are, what they say of themselves, and from whom they come."""

from pathlib import Path
from zipfile import ZipFile

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.tags import sys_tags

from server.bundle import image, wheels
from server.bundle.manifest import CarriedImage, CarriedWheel, Part, Target
from server.bundle.sbom import bill
from server.errors.bundles import BundleFailed, BundleRefused

# They write what the image is into the file that they are told, once: it must not be there, as podman has it.
ENGINES = {
    "docker": """#!/bin/sh
case $1 in
image) read id <$0.id && echo amd64 sha256:$id ;;
save) echo saved >>$0.log && read id <$0.id && set -C && printf "docker's $id" >$3 ;;
esac
""",
    "podman": """#!/bin/sh
case $1 in
image) read id <$0.id && echo amd64 $id ;;
push) echo saved >>$0.log && read id <$0.id && to=${3#*:} && set -C && printf "podman's $id" >${to%%:*} ;;
esac
""",
}
WITHOUT_A_DAEMON = "#!/bin/sh\necho 'Is the daemon running?' >&2\nexit 1\n"


def wheel(folder: Path, name: str, metadata: str = "") -> Path:
    file = folder / name
    with ZipFile(file, "w") as archive:
        archive.writestr("thing-1.0.dist-info/METADATA", f"Metadata-Version: 2.4\nName: thing\n{metadata}\n")
    return file


def carried(name: str, version: str = "1.0", file: str = "thing-1.0-py3-none-any.whl") -> CarriedWheel:
    return CarriedWheel(name=name, version=version, licence=None, file=f"wheels/{file}")


@pytest.mark.parametrize(
    ("metadata", "licence"),
    [
        ("License-Expression: MIT OR Apache-2.0\nLicense: see elsewhere", "MIT OR Apache-2.0"),
        ("License: BSD", "BSD"),
        ("License: UNKNOWN\nClassifier: License :: OSI Approved :: MIT License", "MIT License"),
        ("License: " + "all of it " * 50, None),
        ("", None),
    ],
    ids=["an expression", "a name", "a classifier", "the whole text", "nothing"],
)
def test_the_licence_is_what_the_wheel_says(tmp_path: Path, metadata: str, licence: str | None) -> None:
    (described,) = wheels.described([wheel(tmp_path, "thing-1.0-py3-none-any.whl", metadata)])
    assert (described.name, described.version, described.licence) == ("thing", "1.0", licence)


def test_what_pip_brought_and_is_no_wheel_is_told(tmp_path: Path) -> None:
    (tmp_path / "thing-1.0-py3-none-any.whl").write_text("Not found.")
    with pytest.raises(BundleFailed, match="no wheel"):
        wheels.described([tmp_path / "thing-1.0-py3-none-any.whl"])


def test_wheels_of_this_machine_fit_and_others_do_not() -> None:
    here = next(iter(sys_tags()))
    wheels.check_fit([carried("a"), carried("b", file=f"thing-1.0-{here}.whl")])
    with pytest.raises(BundleRefused, match=f"--platform {wheels.this_machine().platform}"):
        wheels.check_fit([carried("a", file="thing-1.0-cp311-cp311-macosx_11_0_arm64.whl")])


@pytest.mark.parametrize(
    ("wheels_there", "cuda"),
    [
        ([carried("torch", "2.13.0"), carried("nvidia-cuda-runtime", "13.0.96")], "13.0"),
        ([carried("nvidia-cuda-runtime-cu12", "12.8.90")], "12.8"),
        ([carried("torch", "2.13.0+cu126")], "12.6"),
        ([carried("torch", "2.13.0+cpu")], None),
        ([], None),
    ],
    ids=["NVIDIA's wheel", "an older one", "torch's label", "a CPU's", "no torch"],
)
def test_the_manifest_says_which_cuda_came(wheels_there: list[CarriedWheel], cuda: str | None) -> None:
    assert wheels.cuda_of(wheels_there) == cuda


def test_pip_is_told_every_platform_whose_wheels_run_there() -> None:
    aims = wheels._aims(Target(python="3.12", platform="manylinux_2_28_x86_64", cuda=None))
    assert {"manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64", "manylinux1_x86_64"} <= {*aims}
    assert "manylinux_2_29_x86_64" not in aims
    assert aims[:2] == ["--python-version", "3.12"]
    assert wheels._aims(wheels.this_machine()) == [], "pip knows this machine best"


def test_pip_verifies_the_wheels_by_the_list_that_goes_with_them() -> None:
    torch = carried("torch", "2.13.0+cpu", "torch-2.13.0+cpu-py3-none-any.whl")
    listed = wheels.requirements([torch], {torch.file: "ab" * 32})
    assert listed == f"torch==2.13.0+cpu --hash=sha256:{'ab' * 32}\n"


def test_the_bill_of_wheels_and_an_image_is_cyclonedx() -> None:
    torch = carried("torch", "2.13.0+cpu").model_copy(update={"licence": "BSD-3-Clause"})
    parts = {torch.file: Part(path=torch.file, sha256="ab" * 32, size=1)}
    said = bill("1.0", (), (torch,), CarriedImage(name="darkroom", architecture="amd64"), parts).decode()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(said) is None
    assert "pkg:pypi/torch@2.13.0%2Bcpu" in said


def test_wheels_that_were_fetched_for_the_same_are_not_fetched_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def pip(word: str, *words: str) -> None:
        """Makes our wheel, or dies amid the first download."""
        asked.append(word)
        folder = Path(words[words.index("--wheel-dir" if word == "wheel" else "--dest") + 1])
        folder.mkdir()
        if word == "wheel":
            wheel(folder, "darkroom-1.0-py3-none-any.whl", f"Comment: {len(asked)}")
            return
        wheel(folder, f"thing-{len(asked)}-py3-none-any.whl")
        if asked.count("download") == 1:
            raise BundleFailed("No network.")

    monkeypatch.setattr(wheels, "_pip", pip)
    here = wheels.this_machine()
    with pytest.raises(BundleFailed):
        wheels.download(tmp_path, here)
    first = [file.name for file in wheels.download(tmp_path, here)]
    assert first == ["darkroom-1.0-py3-none-any.whl", "thing-4-py3-none-any.whl"], "nothing of the half download"
    again = wheels.download(tmp_path, here)
    assert ([file.name for file in again], asked.count("download")) == (first, 2)
    assert b"Comment: 5" in ZipFile(again[0]).read("thing-1.0.dist-info/METADATA"), (
        "our own is made of what is here now"
    )
    wheels.download(tmp_path, here.model_copy(update={"python": "3.99"}))
    assert asked.count("download") == 3, "another Python needs other wheels"


def engines(folder: Path, monkeypatch: pytest.MonkeyPatch, scripts: dict[str, str]) -> None:
    for name, script in scripts.items():
        (folder / name).write_text(script)
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


@pytest.mark.parametrize(
    ("scripts", "has_it"),
    [
        pytest.param(ENGINES, "docker", id="both"),
        pytest.param({"podman": ENGINES["podman"]}, "podman", id="podman alone"),
        pytest.param(ENGINES | {"docker": WITHOUT_A_DAEMON}, "podman", id="docker has no daemon"),
    ],
)
def test_an_image_is_saved_by_the_engine_that_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scripts: dict[str, str], has_it: str
) -> None:
    engines(tmp_path, monkeypatch, scripts)
    (tmp_path / image.PARTIAL).write_text("of an export that was interrupted")
    for number, saves in ((1, 1), (1, 1), (2, 2)):
        (tmp_path / f"{has_it}.id").write_text(f"{number}\n")
        carried_image, file = image.save(tmp_path)
        assert carried_image == CarriedImage(name="darkroom", architecture="amd64")
        assert file.read_text() == f"{has_it}'s {number}"
        assert (tmp_path / f"{has_it}.log").read_text() == "saved\n" * saves, "the same image is not saved twice"


@pytest.mark.parametrize(
    ("scripts", "told", "above"),
    [
        pytest.param({}, "neither docker nor podman", "", id="no engine"),
        pytest.param({"docker": WITHOUT_A_DAEMON}, "docker build", "Is the daemon running?", id="no daemon"),
    ],
)
def test_an_image_that_cannot_be_had_is_told_plainly(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    scripts: dict[str, str],
    told: str,
    above: str,
) -> None:
    engines(tmp_path, monkeypatch, scripts)
    with pytest.raises(BundleFailed, match=told):
        image.save(tmp_path)
    assert above in capfd.readouterr().err
