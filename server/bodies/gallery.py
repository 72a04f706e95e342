"""The JSON and the queries of images and collections."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from server.bodies.caption import MOST_TAGS, Alias, CaptionBody, Line, Names, Tag, Tags, Words
from server.bodies.job import Picture
from server.gallery import Sort
from server.http.body import Body, Name
from server.images import Format
from server.links import LONGEST_SECONDS

MOST_LISTED = 100
MOST_PAGES = 1_000_000

Side = Literal["160", "320", "640"]
Moment = Annotated[float | None, Field(allow_inf_nan=False)]
Filter = Annotated[str | None, Field(max_length=200, pattern=r"^[^\x00]*$")]


class PublicListing(BaseModel):
    """What a list of images may be asked for. `tag` may be there several times: then an image has all of them."""

    search: Filter = None
    tag: Annotated[list[Tag], Field(max_length=MOST_TAGS)] = []
    model: Filter = None
    kind: Filter = None
    since: Moment = None
    until: Moment = None
    sort: Sort = "newest"
    limit: Annotated[int, Field(ge=1, le=MOST_LISTED)] = 20
    page: Annotated[int | None, Field(ge=1, le=MOST_PAGES)] = None
    cursor: Annotated[str | None, Field(max_length=4096)] = None


class Listing(PublicListing):
    """What only their owner may ask."""

    collection: Filter = None
    preset: Filter = None
    public: bool | None = None
    kept: bool | None = None
    include_deleted: bool = False


class UploadBody(CaptionBody):
    """A picture of your own. It is stored anew, in `format`; metadata of its file is left out."""

    image: Picture
    format: Format = "png"


class ChangeBody(Body):
    """What is left out stays. `alias`: "" takes it away. `collections`: ids or slugs of those it is to lie in."""

    title: Line | None = None
    description: Words | None = None
    alias: Alias | None = None
    tags: Tags | None = None
    public: bool | None = None
    collections: Names | None = None
    keep: bool | None = None


class LinkBody(Body):
    """How long the address is to work, in seconds."""

    seconds: Annotated[int, Field(ge=1, le=LONGEST_SECONDS)] = 3600


class NewCollection(Body):
    """`cover`: the id of an image, or its alias after an @."""

    name: Annotated[Line, Field(min_length=1)]
    description: Words = ""
    public: bool = False
    cover: Name | None = None


class CollectionChange(Body):
    """What is left out stays as it is. `cover`: "" takes it away."""

    name: Annotated[Line, Field(min_length=1)] | None = None
    description: Words | None = None
    public: bool | None = None
    cover: Annotated[str, Field(max_length=128, pattern=r"^[^\x00]*$")] | None = None
