"""What a route may use, gathered by create_app and carried by the application's state."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from pipelines.catalog import Catalog
from pipelines.engine.protocol import Worker
from server.accounts import Accounts
from server.audit import Audit
from server.checks import Check
from server.connectors.kept import Connectors
from server.credits.usage import Credits
from server.fetch import Fetch
from server.gallery import Gallery
from server.images import Images
from server.jobs import Jobs
from server.keys import Keys
from server.limits.limits import Limits
from server.links import Links
from server.metrics import Metrics
from server.outbox import Outbox
from server.prompts.enhancer import Enhancer
from server.prompts.library import Library
from server.prompts.saved import Presets
from server.settings import Settings
from server.thumbnails import Thumbnails
from server.tokens import Tokens
from server.webhooks.hooks import Webhooks


@dataclass(frozen=True, slots=True)
class Parts:
    """tokens: None where no issuer of access tokens is named. checks: what has to hold for us to be ready, by name."""

    settings: Settings
    catalog: Catalog
    worker: Worker
    jobs: Jobs
    images: Images
    gallery: Gallery
    thumbnails: Thumbnails
    links: Links
    metrics: Metrics
    accounts: Accounts
    keys: Keys
    audit: Audit
    tokens: Tokens | None
    library: Library
    presets: Presets
    enhancer: Enhancer
    checks: dict[str, Check]
    fetch: Fetch
    credits: Credits
    limits: Limits
    webhooks: Webhooks
    outbox: Outbox
    connectors: Connectors


def parts_of(request: Request) -> Parts:
    parts = request.app.state.parts
    assert isinstance(parts, Parts)
    return parts


TheParts = Annotated[Parts, Depends(parts_of)]
