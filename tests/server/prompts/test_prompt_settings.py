"""What the operator chooses for prompts is checked before the server starts."""

from pathlib import Path

import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from server.cli import app
from server.keys import KEYS_FILE
from server.settings import Settings


@pytest.mark.parametrize(
    "wrong",
    [
        {"enhancer_url": "http://127.0.0.1:11434/v1"},
        {"enhancer_model": "small"},
        {"enhancer_url": "ftp://127.0.0.1/v1", "enhancer_model": "small"},
        {"enhancer_url": "127.0.0.1", "enhancer_model": "small"},
        {"enhancer_url": "http://me:canary@127.0.0.1/v1", "enhancer_model": "small"},
        {"enhancer_url": "http://127.0.0.1/v1?key=canary", "enhancer_model": "small"},
    ],
)
def test_an_enhancer_that_cannot_be_asked_is_refused_and_its_address_not_shown(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError) as caught:
        Settings(**wrong)  # type: ignore[arg-type]
    assert "canary" not in str(caught.value)


def test_an_enhancer_is_an_address_a_model_and_maybe_a_key() -> None:
    settings = Settings(enhancer_url="http://127.0.0.1:11434/v1", enhancer_model="small", enhancer_key="canary")  # type: ignore[arg-type]
    assert "canary" not in repr(settings)


@pytest.mark.parametrize(("file", "content"), [("blocked.txt", "/(/"), ("prompts/styles.yaml", "anime: {}")])
def test_a_mistake_in_a_file_is_told_plainly_and_no_key_is_made_for_nobody(
    tmp_path: Path, file: str, content: str
) -> None:
    (tmp_path / "prompts").mkdir()
    (tmp_path / "blocked.txt").touch()
    (tmp_path / file).write_text(content)
    environment = {"DARKROOM_DATA": str(tmp_path), "DARKROOM_BLOCKLIST": str(tmp_path / "blocked.txt")}
    result = CliRunner().invoke(app, ["serve"], env=environment)
    assert result.exit_code == 2
    assert f"{Path(file).name}: line 1" in result.output
    assert not (tmp_path / KEYS_FILE).exists()
