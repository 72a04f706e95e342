"""What people say of images, as JSON: in a job, beside an upload, and later."""

from typing import Annotated

from pydantic import AfterValidator, Field

from server.http.body import Body, Name
from server.images import Caption

LONGEST_TITLE, LONGEST_DESCRIPTION, LONGEST_TAG = 200, 4000, 64
MOST_TAGS = 32
MOST_COLLECTIONS = 32


def _plain_tag(tag: str) -> str:
    """As it is kept and found: small letters, no white space around it."""
    if not (plain := tag.strip().lower()):
        raise ValueError("a tag is empty")
    return plain


Line = Annotated[str, Field(max_length=LONGEST_TITLE, pattern=r"^[^\x00-\x1f\x7f]*$")]
Words = Annotated[str, Field(max_length=LONGEST_DESCRIPTION, pattern=r"^[^\x00]*$")]
Tag = Annotated[str, Field(max_length=LONGEST_TAG, pattern=r"^[^\x00-\x1f\x7f]+$"), AfterValidator(_plain_tag)]
Tags = Annotated[list[Tag], Field(max_length=MOST_TAGS)]
Alias = Annotated[str, Field(pattern=r"^([a-z0-9][a-z0-9_-]{0,63})?$")]
Names = Annotated[list[Name], Field(max_length=MOST_COLLECTIONS)]


class CaptionBody(Body):
    """`keep`: the image stays until it is deleted; left out, as the account prefers."""

    title: Line = ""
    description: Words = ""
    tags: Tags = Field(default_factory=list)
    public: bool = False
    keep: bool | None = None

    def said(self, parent: str | None = None) -> Caption:
        return Caption(
            parent=parent,
            title=self.title,
            description=self.description,
            tags=tuple(sorted(set(self.tags))),
            public=self.public,
            keep=self.keep,
        )
