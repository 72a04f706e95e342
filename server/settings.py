"""What the operator may choose, read once from DARKROOM_* and the command line, then frozen."""

import os
import re
from importlib.util import find_spec
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    FilePath,
    HttpUrl,
    IPvAnyNetwork,
    SecretStr,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from server.addresses import Destinations
from server.secret_files import secrets_in_files, variable


def listed(value: object) -> object:
    """An environment variable lists its values between commas."""
    return [word for part in value.split(",") if (word := part.strip())] if isinstance(value, str) else value


def destinations(entries: tuple[str, ...]) -> tuple[str, ...]:
    """Networks and hosts, as server/addresses.py has them; raises ValueError."""
    Destinations.of("allow", entries)
    return entries


BaseUrl = Annotated[
    str, Field(pattern=r"^https?://[^/?#\s]+(/[^?#\s]*)?$"), AfterValidator(lambda url: url.rstrip("/"))
]
Origin = Annotated[str, Field(pattern=r"^(\*|https?://[^/?#\s]+)$")]
Networks = Annotated[tuple[IPvAnyNetwork, ...], NoDecode, BeforeValidator(listed)]
Allowed = Annotated[tuple[str, ...], NoDecode, BeforeValidator(listed), AfterValidator(destinations)]
Pauses = Annotated[tuple[Annotated[float, Field(ge=0)], ...], NoDecode, BeforeValidator(listed)]
Folders = Annotated[tuple[Path, ...], NoDecode, BeforeValidator(listed)]
Origins = Annotated[tuple[Origin, ...], NoDecode, BeforeValidator(listed)]

PROXY = re.compile(r"https?://([^/?#@\s]+@)?[^/?#@\s]+/?")
POSTGRES = ("postgresql", "postgres", "postgresql+psycopg")


def is_loopback(host: str) -> bool:
    """True where only this machine can connect to `host`; a name other than localhost could be anything."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def user_data_folder() -> Path:
    """Where the XDG base directory specification puts a program's data for one user."""
    share = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(share) / "darkroom"


class Settings(BaseSettings):
    """Raises pydantic's ValidationError, which never shows the values (one of them is a key)."""

    model_config = SettingsConfigDict(env_prefix="DARKROOM_", frozen=True, hide_input_in_errors=True)

    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=1, le=65535)
    public_url: BaseUrl | None = None  # None: links begin as the request's own address did
    root_path: str = Field(default="", pattern=r"^(/[^/?#\s]+)*$")  # under which a proxy shows us
    trusted_proxies: Networks = ()  # whose X-Forwarded-For and X-Forwarded-Proto are believed
    tls_certificate: FilePath | None = None
    tls_key: FilePath | None = None
    cors_origins: Origins = ()  # whose pages may read our answers
    log_format: Literal["auto", "text", "json"] = "auto"  # auto: text on a terminal
    log_level: Literal["debug", "info", "warning"] = "info"  # debug tells every tick
    data: Path = Field(default_factory=user_data_folder)
    database_url: SecretStr | None = None  # None: SQLite, `darkroom.db` in the data folder
    models_file: Path | None = None  # None: the catalogue that comes with the program
    models_folder: Path | None = None  # None: `models` in the data folder
    device: str = Field(default="auto", pattern=r"^(auto|cpu|cuda(:\d+)?)$")
    worker: Literal["auto", "inline", "process"] = "auto"  # auto: a process of its own where there is CUDA
    # How the device is used: `pipelines.tuning` says what each of these means.
    dtype: Literal["float16", "bfloat16", "float32"] | None = None
    attention: Literal["sdpa", "xformers"] = "sdpa"
    compile: Literal["on", "off", "auto"] = "auto"
    memory: Literal["auto", "low"] = "auto"
    tf32: bool = True
    deterministic: bool = False
    idle_seconds: float | None = Field(default=None, gt=0)
    host_cache: int | None = Field(default=None, ge=0)  # bytes
    auth: bool = True
    admin_key: SecretStr | None = Field(default=None, min_length=20)
    # An issuer of access tokens (OpenID Connect), whom the tokens are for, and what tells their accounts apart.
    oidc_issuer: str | None = Field(default=None, pattern=r"^https?://[^/?#\s]+(/[^?#\s]*)?$")
    oidc_audience: str | None = Field(default=None, min_length=1)
    oidc_claim: str = Field(default="sub", min_length=1)
    oidc_keys: FilePath | None = None  # the issuer's public keys; None: as the issuer publishes them
    max_body_bytes: int = Field(default=32 * 2**20, ge=1024)  # pictures come in bodies, in base64
    max_queue: int = Field(default=64, ge=1)  # jobs that wait for their first tick
    request_seconds: float = Field(default=600, gt=0)  # how long a request may wait for its pictures
    fetch: Literal["public", "allow", "off"] = "public"  # whose pictures may be given by their address
    fetch_allow: Allowed = ()  # hosts and networks beside the public internet, or alone
    fetch_seconds: float = Field(default=30, gt=0)  # for one picture
    proxy: SecretStr | None = None  # http://[user:password@]host:port, through which the internet is called
    ca_file: FilePath | None = None  # certificates in PEM that are believed beside the system's
    image_ttl_seconds: float = Field(default=3600, gt=0)  # how long ended jobs and their images are kept
    purge_seconds: float = Field(default=3600, ge=0)  # and then stay unseen, before they are gone for good
    public_gallery: bool = False  # whether /public shows what its owners opened
    link_key: SecretStr | None = Field(default=None, min_length=20)  # None: `link.key` in the data folder
    idempotency_seconds: float = Field(default=86_400, gt=0)  # how long an Idempotency-Key is known
    audit_prompts: bool = False  # whether the audit log keeps the prompts of jobs
    metadata: bool = True  # picture files say what drew them, the prompt too
    blocklist: Path | None = None  # a file of what may not be drawn
    # A chat server that speaks OpenAI's protocol writes enhanced prompts, such as http://127.0.0.1:11434/v1.
    enhancer_url: HttpUrl | None = None
    enhancer_model: str | None = Field(default=None, min_length=1)
    enhancer_key: SecretStr | None = None
    credit_usd: float = Field(default=0, ge=0)  # what a credit is said to cost, by APIs that tell prices in dollars
    limits_file: Path | None = None  # tiers of requests a minute, an hour and a day; None: as many as you like
    secret_key: SecretStr | None = Field(default=None, min_length=32)  # None: made once, and kept in the data folder
    webhook: Literal["public", "allow", "off"] = "public"  # where webhooks may go: `server.addresses`
    webhook_allow: Allowed = ()  # networks, and hosts with or without a port, beside or instead of public ones
    webhook_seconds: float = Field(default=15, gt=0, le=60)  # for one attempt
    connector_folders: Folders = ()  # roots below which accounts may have their pictures copied
    dropbox_app_key: str | None = Field(default=None, min_length=1)
    dropbox_app_secret: SecretStr | None = None
    webhook_retry_seconds: Pauses = ()  # between attempts; (): those of Standard Webhooks
    stale_beat_seconds: float = Field(default=60, gt=0)  # a worker silent for longer is not ready
    disk_reserve: int = Field(default=256 * 2**20, ge=0)  # bytes; with less free under `data` we are not ready
    drain_seconds: float = Field(default=30, ge=0)  # for what is being drawn when the server is told to stop

    @classmethod
    def secret_names(cls) -> list[str]:
        return [name for name, field in cls.model_fields.items() if SecretStr in get_args(field.annotation)]

    @model_validator(mode="before")
    @classmethod
    def _secrets_come_from_files(cls, values: dict[str, Any]) -> dict[str, Any]:
        found = secrets_in_files(cls.secret_names())
        if twice := sorted(found.keys() & values.keys()):
            raise ValueError(f"{variable(twice[0])} and {variable(twice[0])}_FILE are both given: keep one of them")
        return values | found

    @model_validator(mode="after")
    def _tls_is_whole(self) -> "Settings":
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("TLS needs both tls_certificate and tls_key")
        return self

    @model_validator(mode="after")
    def _open_doors_stay_at_home(self) -> "Settings":
        if not self.auth and not is_loopback(self.host):
            raise ValueError("without keys the server may listen on a loopback address only, such as 127.0.0.1")
        return self

    @model_validator(mode="after")
    def _the_proxy_is_one(self) -> "Settings":
        if self.proxy is not None and not PROXY.fullmatch(self.proxy.get_secret_value()):
            raise ValueError("proxy is http:// or https:// with a host, and user:password@ before it where it asks")
        return self

    @model_validator(mode="after")
    def _the_dropbox_app_is_whole(self) -> "Settings":
        if (self.dropbox_app_key is None) != (self.dropbox_app_secret is None):
            raise ValueError("dropbox_app_key and dropbox_app_secret go together")
        return self

    @model_validator(mode="after")
    def _xformers_is_there(self) -> "Settings":
        if self.attention == "xformers" and find_spec("xformers") is None:
            raise ValueError("attention xformers needs a package that is not there: pip install xformers")
        return self

    @model_validator(mode="after")
    def _the_enhancer_can_be_asked(self) -> "Settings":
        url = self.enhancer_url
        if (url is None) != (self.enhancer_model is None):
            raise ValueError("enhancer_url and enhancer_model go together")
        if url is not None and (url.username or url.password or url.query or url.fragment):
            raise ValueError("enhancer_url is an address without user, query and fragment; enhancer_key is the key")
        return self

    @model_validator(mode="after")
    def _tokens_can_be_believed(self) -> "Settings":
        issuer = self.oidc_issuer
        if (issuer is None) != (self.oidc_audience is None) or (issuer is None and self.oidc_keys is not None):
            raise ValueError("oidc_issuer and oidc_audience go together, and oidc_keys with both of them")
        if issuer is not None and issuer.startswith("http:") and not is_loopback(HttpUrl(issuer).host or ""):
            raise ValueError("oidc_issuer must begin with https://, or be on this machine")
        return self

    @model_validator(mode="after")
    def _database_is_one_that_we_know(self) -> "Settings":
        if self.database_url is not None:
            backend = self.database_url.get_secret_value().partition(":")[0]
            if backend not in ("sqlite", *POSTGRES):
                raise ValueError("database_url must begin with postgresql:// (or sqlite:///)")
            if backend in POSTGRES and find_spec("psycopg") is None:
                raise ValueError("PostgreSQL needs a package that is not there: pip install 'psycopg[binary]'")
        return self

    @property
    def database(self) -> str:
        """The database's address, with a driver that is here."""
        if self.database_url is None:
            return f"sqlite:///{self.data / 'darkroom.db'}"
        backend, _, rest = self.database_url.get_secret_value().partition(":")
        return f"postgresql+psycopg:{rest}" if backend in POSTGRES else f"{backend}:{rest}"

    @property
    def weights_folder(self) -> Path:
        return self.models_folder or self.data / "models"
