"""What a connector is made of, as JSON: for each service its own fields, and what all of them have."""

from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, Field, model_validator

from server.bodies.webhooks import Address
from server.connectors.naming import DEFAULT, checked_pattern
from server.errors import BodyInvalid
from server.http.body import Body, Name, check

LONGEST_FOLDER = 400


def _folder(path: str) -> str:
    parts = [part for part in path.split("/") if part]
    if any(part.startswith(".") or "\\" in part or not part.isprintable() for part in parts):
        raise ValueError("its parts stand between slashes, and none begins with a dot")
    return "/".join(parts)


def _headerless(text: str) -> str:
    if not text.isprintable():
        raise ValueError("it holds characters that cannot be seen: take them out")
    return text


FolderPath = Annotated[str, Field(max_length=LONGEST_FOLDER), AfterValidator(_folder)]
Pattern = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(checked_pattern)]
Word = Annotated[Name, AfterValidator(_headerless)]
Long = Annotated[str, Field(min_length=1, max_length=2048), AfterValidator(_headerless)]


class ConnectorBody(Body):
    """folder, file_naming: where the files go, and what they are called. auto_upload: all pictures of the account."""

    service: ClassVar[str]
    folder: FolderPath = ""
    file_naming: Pattern = DEFAULT
    auto_upload: bool = False

    def fields(self) -> dict[str, str]:
        """What the service needs, without what is absent."""
        own: dict[str, Any] = {name: value for name, value in self if name not in ConnectorBody.model_fields}
        return {name: str(value) for name, value in own.items() if value is not None}


class FolderBody(ConnectorBody):
    service = "folder"
    root: Annotated[Long, Field(description="One of the operator's DARKROOM_CONNECTOR_FOLDERS.")]


class S3Body(ConnectorBody):
    service = "s3"
    endpoint: Address
    region: Word = "us-east-1"
    bucket: Word
    access_key: Word
    secret_key: Word


class WebDavBody(ConnectorBody):
    service = "webdav"
    url: Address
    user: Word
    password: Long


class SftpBody(ConnectorBody):
    service = "sftp"
    host: Word
    port: Annotated[int, Field(ge=1, le=65535)] = 22
    user: Word
    host_key: Annotated[str, Field(pattern=r"^SHA256:[A-Za-z0-9+/]{43}$", description="As `ssh-keygen -l` shows it.")]
    password: Long | None = None
    private_key: Annotated[str, Field(max_length=20_000)] | None = None

    @model_validator(mode="after")
    def _one_way_in(self) -> "SftpBody":
        if (self.password is None) == (self.private_key is None):
            raise ValueError("either password or private_key is needed")
        return self


class DropboxBody(ConnectorBody):
    service = "dropbox"
    auth_code: Long
    redirect_uri: Address | None = None


BODIES: dict[str, type[ConnectorBody]] = {
    body.service: body for body in (FolderBody, S3Body, WebDavBody, SftpBody, DropboxBody)
}


def checked(value: dict[str, Any]) -> ConnectorBody:
    """Raises BodyInvalid."""
    service = value.pop("service", None)
    body = BODIES.get(service) if isinstance(service, str) else None
    if body is None:
        raise BodyInvalid(f"`service` must be one of: {', '.join(BODIES)}.", field="service")
    return check(body, value)


def openapi() -> dict[str, Any]:
    """One schema a service, told apart by `service`."""
    schemas = []
    for name, body in BODIES.items():
        schema = body.model_json_schema()
        schema["properties"] = {"service": {"const": name}, **schema["properties"]}
        schema["required"] = ["service", *schema.get("required", [])]
        schemas.append(schema)
    example = {"service": "folder", "root": "/srv/pictures", "folder": "drawn", "auto_upload": True}
    content = {"schema": {"oneOf": schemas}, "example": example}
    return {"requestBody": {"required": True, "content": {"application/json": content}}}
