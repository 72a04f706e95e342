"""The operator's file of tiers: how many requests a minute, an hour and a day; without one, any number."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from pipelines.yaml_file import read

LIMITLESS = 1_000_000  # what is shown of a window without a limit
LENGTHS = {"minute": 60, "hour": 3600, "day": 86_400}

Most = Annotated[int, Field(ge=1, le=LIMITLESS)]
Name = Annotated[str, Field(min_length=1, max_length=64)]


class Form(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class Tier(Form):
    """How many requests may come in a window; None: any number. per: whose requests are counted together."""

    minute: Most | None = None
    hour: Most | None = None
    day: Most | None = None
    per: Literal["account", "key"] = "account"

    def most(self, window: str) -> int | None:
        """window: one of LENGTHS."""
        return getattr(self, window)


class Tiers(Form):
    """default: the tier of accounts whose plan has none. dialects: the tiers of APIs that have one of their own.

    every_request: whether looking counts as drawing does.
    """

    tiers: dict[Name, Tier] = Field(default_factory=dict)
    default: Name | None = None
    dialects: dict[Name, Name] = Field(default_factory=dict)
    every_request: bool = False

    @model_validator(mode="after")
    def _name_each_other(self) -> Self:
        if self.default is not None and self.default not in self.tiers:
            raise ValueError("default must name one of the tiers")
        if not set(self.dialects.values()) <= set(self.tiers):
            raise ValueError("dialects must name some of the tiers")
        return self

    @classmethod
    def load(cls, path: Path | None) -> "Tiers":
        """Raises CatalogInvalid, which names the line."""
        return cls() if path is None else read(path, cls)

    def of_plan(self, plan: str | None) -> Tier:
        name = plan if plan in self.tiers else self.default
        return Tier() if name is None else self.tiers[name]
