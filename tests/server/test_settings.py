"""The operator's choices are checked at the door, and secrets do not show in what is said about them."""

from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from server.secret_files import open_to_others
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
        pytest.param({"public_url": "img.example.org"}, id="no URL"),
        pytest.param({"root_path": "/darkroom/"}, id="a slash too many"),
        pytest.param({"trusted_proxies": "everybody"}, id="no network"),
        pytest.param({"cors_origins": "https://example.org/page"}, id="a page is no origin"),
        pytest.param({"tls_key": __file__}, id="half of TLS"),
        pytest.param({"tls_key": "nothing.pem", "tls_certificate": __file__}, id="no such file"),
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


def test_lists_stand_between_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DARKROOM_TRUSTED_PROXIES", "10.0.0.0/8, ::1")
    monkeypatch.setenv("DARKROOM_CORS_ORIGINS", "https://one.example.org,https://two.example.org:8443")
    settings = Settings()
    assert settings.trusted_proxies == (IPv4Network("10.0.0.0/8"), IPv6Network("::1"))
    assert settings.cors_origins == ("https://one.example.org", "https://two.example.org:8443")


@pytest.fixture
def secret_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "key"
    file.write_text("  the operator's own key\n")
    file.chmod(0o600)
    monkeypatch.setenv("DARKROOM_ADMIN_KEY_FILE", str(file))
    return file


def test_a_secret_may_come_from_a_file(secret_file: Path) -> None:
    admin_key = Settings().admin_key
    assert admin_key is not None
    assert admin_key.get_secret_value() == "the operator's own key"


def test_a_secret_and_a_file_of_it_are_one_too_many(secret_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DARKROOM_ADMIN_KEY", "another key of the operator")
    with pytest.raises(ValidationError, match="both given") as caught:
        Settings()
    assert "operator" not in str(caught.value)


def test_a_file_that_cannot_be_read_is_told_by_its_variable(secret_file: Path) -> None:
    for spoil in (lambda: secret_file.write_bytes(b"\xff" * 40), secret_file.unlink):
        spoil()
        with pytest.raises(ValidationError, match="DARKROOM_ADMIN_KEY_FILE"):
            Settings()


@pytest.mark.parametrize(("mode", "is_open"), [(0o600, False), (0o640, False), (0o644, True)], ids=oct)
def test_a_file_that_everybody_may_read_is_noticed(secret_file: Path, mode: int, is_open: bool) -> None:
    secret_file.chmod(mode)
    assert open_to_others(Settings.secret_names()) == (["DARKROOM_ADMIN_KEY_FILE"] if is_open else [])
