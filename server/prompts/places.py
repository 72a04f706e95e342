"""What the data files may say of where pictures are shown: platforms with their formats, and templates for both."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from server.prompts.forms import Addition, Entry, Id, Line, Many

RATIO_ERROR = 0.01  # platforms round: 1200x628 is called 1.91:1
Side = Annotated[int, Field(ge=8, le=8192)]
Inset = Annotated[float, Field(ge=0, lt=0.5, strict=False)]
Megabytes = Annotated[float, Field(gt=0, le=1_000_000, strict=False)]
Quality = Literal["draft", "standard", "premium"]
FileType = Literal["JPG", "PNG", "WEBP", "GIF"]


class Sized(Entry):
    """width, height: pixels. ratio: as people write it, such as 16:9, within a hundredth of what it is."""

    width: Side
    height: Side
    ratio: Annotated[str, Field(pattern=r"^[1-9][0-9]{0,3}(\.[0-9]{1,2})?:[1-9][0-9]{0,3}(\.[0-9]{1,2})?$")]

    @model_validator(mode="after")
    def _is_so(self) -> Self:
        across, down = (float(side) for side in self.ratio.split(":"))
        if abs(self.width / self.height / (across / down) - 1) > RATIO_ERROR:
            raise ValueError(f"{self.width}x{self.height} is not {self.ratio}")
        return self


class SafeZone(Entry):
    """Margins as shares of height (top, bottom) and width (left, right) in which nothing important should be."""

    top: Inset = 0.0
    bottom: Inset = 0.0
    left: Inset = 0.0
    right: Inset = 0.0


class Format(Sized):
    """One kind of picture on a platform. file_type: what to send. max_size_mb: of one file."""

    name: Line
    safe_zone: SafeZone = SafeZone()
    file_type: FileType = "JPG"
    max_size_mb: Megabytes


class Platform(Entry):
    """A place where pictures are shown. aliases: other ids that it is asked for by. max_file_mb: of any picture."""

    name: Line
    aliases: Many[Id] = ()
    file_types: Annotated[tuple[FileType, ...], Field(strict=False, min_length=1, max_length=4)]
    max_file_mb: Megabytes
    formats: Annotated[dict[Id, Format], Field(min_length=1, max_length=64)]

    def format(self, name: str) -> Format | None:
        """The format of that name as people read it, or of that id."""
        by_name = (format_ for format_ in self.formats.values() if format_.name.lower() == name.lower())
        return next(by_name, self.formats.get(name))


class Template(Sized):
    """A picture for a purpose: its size, its look. label: what the shape is called. words: added to the prompt."""

    name: Line
    category: Id
    platform: Id | None = None
    label: Line
    description: Line
    style: Id
    quality: Quality = "standard"
    words: Many[Addition] = ()
    negative: Many[Addition] = ()
    use_cases: Many[Line] = ()
