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
    """Raises pydantic's ValidationError, which never shows the values (one of them is a key).

    docs/configuration.md is written from what stands below each setting: `scripts/write_configuration.py`.
    """

    model_config = SettingsConfigDict(
        env_prefix="DARKROOM_", frozen=True, hide_input_in_errors=True, use_attribute_docstrings=True
    )

    host: str = "127.0.0.1"
    """The address to listen on."""
    port: int = Field(default=8080, ge=1, le=65535)
    """The port to listen on."""
    public_url: BaseUrl | None = None
    """What absolute links begin with, such as `https://img.example.org/ai`; unset, they begin as the request's own
    address did.
    """
    root_path: str = Field(default="", pattern=r"^(/[^/?#\s]+)*$")
    """The path under which a proxy shows us, such as `/ai`; the proxy may take it off or leave it on."""
    trusted_proxies: Networks = ()
    """Networks, such as `10.0.0.0/8,::1`, whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed; nobody's unless
    named.
    """
    tls_certificate: FilePath | None = None
    """A PEM file with the certificate and its chain; with it, the server speaks HTTPS."""
    tls_key: FilePath | None = None
    """The PEM file of its private key; both or neither."""
    cors_origins: Origins = ()
    """Origins, such as `https://app.example.org`, whose pages may read our answers; `*` is all of them. Never with
    credentials: a page sends its key in a header.
    """
    log_format: Literal["auto", "text", "json"] = "auto"
    """How the log is written; `auto` is text on a terminal and JSON elsewhere."""
    log_level: Literal["debug", "info", "warning"] = "info"
    """The least that is told: `debug` (every tick of the engine, with the jobs in it), `info` or `warning`."""
    data: Path = Field(default_factory=user_data_folder)
    """The database, images, pulled models, what was profiled; unset, `$XDG_DATA_HOME/darkroom` or
    `~/.local/share/darkroom`.
    """
    database_url: SecretStr | None = None
    """`postgresql://user:password@host/name`; unset, SQLite in the data folder (docs/state.md)."""
    models_file: Path | None = None
    """Another catalogue than the one that comes with the program, or that a bundle brought into the models folder."""
    models_folder: Path | None = None
    """Where models lie; unset, `models` in the data folder (docs/models-folder.md)."""
    device: str = Field(default="auto", pattern=r"^(auto|cpu|cuda(:\d+)?)$")
    """What draws: `cpu`, `cuda`, `cuda:N`; `auto` is CUDA where there is some."""
    worker: Literal["auto", "inline", "process"] = "auto"
    """Where it draws: `process` keeps the device in a child process that may die and is replaced, `inline` in a thread;
    `auto` is a process on CUDA.
    """
    # How the device is used: `pipelines.tuning` says what each of these means.
    dtype: Literal["float16", "bfloat16", "float32"] | None = None
    """Of the weights; unset, float16 on CUDA and float32 elsewhere."""
    attention: Literal["sdpa", "xformers"] = "sdpa"
    """How attention is computed; `xformers` needs that package."""
    compile: Literal["on", "off", "auto"] = "auto"
    """When a UNet is compiled on CUDA: `on`, before a shape is drawn; `auto`, meanwhile; `off`, never."""
    memory: Literal["auto", "low"] = "auto"
    """`low` streams the weights through the device; `auto` does so where they do not fit."""
    tf32: bool = True
    """Whether products on CUDA may use TensorFloat-32."""
    deterministic: bool = False
    """Whether a picture is the same bits at any load, for the price of full ticks, and of one thread on the host."""
    idle_seconds: float | None = Field(default=None, gt=0)
    """How long a model that draws nothing stays loaded; unset, for good."""
    host_cache: int | None = Field(default=None, ge=0)
    """Bytes of weights that stay in the host's memory when they leave the device; unset, a quarter of what is free on
    CUDA.
    """
    auth: bool = True
    """Whether a key is asked for; without, the host must be a loopback address."""
    admin_key: SecretStr | None = Field(default=None, min_length=20)
    """A key of your own, 20 characters or more; unset, the first start makes one (docs/accounts.md)."""
    oidc_issuer: str | None = Field(default=None, pattern=r"^https?://[^/?#\s]+(/[^?#\s]*)?$")
    """The OpenID Connect issuer whose access tokens open the door beside keys, as their `iss` says it
    (docs/accounts.md).
    """
    oidc_audience: str | None = Field(default=None, min_length=1)
    """Whom the tokens are for, as their `aud` says it; both or neither."""
    oidc_claim: str = Field(default="sub", min_length=1)
    """The claim that tells accounts apart."""
    oidc_keys: FilePath | None = None
    """A file with the issuer's public keys (JWKS); unset, they are read from the issuer."""
    max_body_bytes: int = Field(default=32 * 2**20, ge=1024)
    """Bytes of a request; larger ones are refused. Pictures come in requests, in base64."""
    max_queue: int = Field(default=64, ge=1)
    """Jobs that may wait for their first tick; more are refused."""
    request_seconds: float = Field(default=600, gt=0)
    """How long a request may wait for its pictures."""
    fetch: Literal["public", "allow", "off"] = "public"
    """Whose pictures may be given by their address: `public` is the internet's and what `DARKROOM_FETCH_ALLOW` names,
    `allow` the latter alone, `off` nobody's.
    """
    fetch_allow: Allowed = ()
    """Networks, hosts and hosts with a port, such as `10.0.0.0/8,pictures.lan,box.lan:9000`."""
    fetch_seconds: float = Field(default=30, gt=0)
    """How long a picture may take to come."""
    proxy: SecretStr | None = None
    """The HTTP proxy through which the public internet is called, for pictures, webhooks and connectors over HTTP:
    `http://user:password@proxy.lan:3128`. What is allowed by name is called directly. A name that this machine cannot
    resolve is the proxy's to find, and to refuse where it lies inside your network.
    """
    ca_file: FilePath | None = None
    """A file of certificates (PEM) that are believed beside the system's wherever we call: those of your own authority.
    """
    image_ttl_seconds: float = Field(default=3600, gt=0)
    """How long ended jobs and their images are kept."""
    purge_seconds: float = Field(default=3600, ge=0)
    """How long they then stay, unseen, before they are gone for good."""
    public_gallery: bool = False
    """Whether `/public` shows, without a key, the images that their owners opened (docs/gallery.md)."""
    link_key: SecretStr | None = Field(default=None, min_length=20)
    """Signs addresses of images, 20 characters or more; unset, the server makes a key of its own. Servers that share a
    database need the same one.
    """
    idempotency_seconds: float = Field(default=86_400, gt=0)
    """How long an `Idempotency-Key` is known (docs/jobs.md)."""
    audit_prompts: bool = False
    """The audit log keeps the prompts of jobs too (docs/operations.md)."""
    metadata: bool = True
    """Whether picture files say what drew them: prompt, seed, model."""
    blocklist: Path | None = None
    """A file of what may not be drawn (docs/prompts.md)."""
    enhancer_url: HttpUrl | None = None
    """A chat server that speaks OpenAI's protocol and writes enhanced prompts, such as `http://127.0.0.1:11434/v1`."""
    enhancer_model: str | None = Field(default=None, min_length=1)
    """The model of that chat server; both or neither."""
    enhancer_key: SecretStr | None = None
    """The key of that chat server, if it asks for one."""
    credit_usd: float = Field(default=0, ge=0)
    """What a credit costs in US dollars, for the APIs that tell prices so; nothing is charged by it."""
    limits_file: Path | None = None
    """A file of tiers: requests a minute, an hour and a day (docs/credits.md); unset, as many as you like."""
    secret_key: SecretStr | None = Field(default=None, min_length=32)
    """Seals the secrets of others in the database and makes the account's secrets of webhooks, 32 characters or more;
    unset, the first need makes `secret.key` in the data folder. Servers that share a database need the same one.
    """
    webhook: Literal["public", "allow", "off"] = "public"
    """Where webhooks and connectors may go: `public` is the internet and what is allowed by name, `allow` only the
    latter, `off` nowhere (docs/webhooks.md).
    """
    webhook_allow: Allowed = ()
    """Receivers on your own network: networks and hosts, such as `10.0.0.0/8,hooks.lan:8443`; a host without a port may
    have any.
    """
    webhook_seconds: float = Field(default=15, gt=0, le=60)
    """How long one attempt may take."""
    connector_folders: Folders = ()
    """Folders, such as `/mnt/pictures`, below which accounts may have their pictures copied (docs/connectors.md)."""
    dropbox_app_key: str | None = Field(default=None, min_length=1)
    """The key of an app that you registered with Dropbox, for connectors to it."""
    dropbox_app_secret: SecretStr | None = None
    """The secret of that app; both or neither."""
    webhook_retry_seconds: Pauses = ()
    """Pauses between attempts, of connectors too, such as `5,60,600`; unset, those of Standard Webhooks: 5 s, 5 min, 30
    min, 2, 5, 10, 14, 20 and 24 hours.
    """
    stale_beat_seconds: float = Field(default=60, gt=0)
    """How long what draws may be silent before the server is not ready."""
    disk_reserve: int = Field(default=256 * 2**20, ge=0)
    """Bytes; with less free on the disk of the data folder, the server is not ready."""
    drain_seconds: float = Field(default=30, ge=0)
    """How long a server that is told to stop goes on drawing; what is left is drawn after the next start."""

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
