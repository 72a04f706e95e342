"""The operator's choices are checked at the door, and secrets do not show in what is said about them."""

from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from server.settings import Settings, is_loopback


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_loopback_is_known(host: str) -> None:
    assert is_loopback(host)
    assert Settings(host=host, auth=False).auth is False


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org", "", "localhost.example.org"])  # noqa: S104
def test_without_keys_only_loopback_is_allowed(host: str) -> None:
    with pytest.raises(ValidationError, match="loopback"):
        Settings(host=host, auth=False)


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"admin_key": "too short"}, id="short key"),
        pytest.param({"port": 70000}, id="port"),
        pytest.param({"device": "quantum"}, id="device"),
        pytest.param({"max_queue": 0}, id="queue of nothing"),
        pytest.param({"database_url": "mysql://somebody:too short@host/name"}, id="another database"),
    ],
)
def test_a_wrong_value_is_refused_and_not_shown(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError) as caught:
        Settings(**wrong)  # type: ignore[arg-type]
    assert "too short" not in str(caught.value).replace("too_short", "")


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DARKROOM_PORT", "9000")
    monkeypatch.setenv("DARKROOM_ADMIN_KEY", "twenty characters or more")
    settings = Settings()
    assert settings.port == 9000
    assert "twenty" not in repr(settings)


@pytest.mark.parametrize(
    ("given", "database"),
    [
        (None, "sqlite:////data/darkroom.db"),
        ("sqlite:////elsewhere.db", "sqlite:////elsewhere.db"),
        ("postgresql://u:p@host/name", "postgresql+psycopg://u:p@host/name"),
        ("postgres://u:p@host/name", "postgresql+psycopg://u:p@host/name"),
    ],
)
def test_the_database_is_a_file_among_the_data_unless_another_is_named(given: str | None, database: str) -> None:
    url = None if given is None else SecretStr(given)
    assert Settings(data=Path("/data"), database_url=url).database == database
