"""create_app: the only file that knows everybody. A list, not logic."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from pipelines.catalog import Catalog
from pipelines.engine.protocol import Worker
from server.accounts import Accounts
from server.addresses import Destinations
from server.audit import Audit
from server.checks import checks_of
from server.connectors.dropbox import DropboxApp
from server.connectors.kept import Connectors
from server.connectors.places import MOST_ANSWERED, UPLOAD_SECONDS, Places
from server.connectors.threads import Threads
from server.credits.usage import Credits
from server.dialects import Dialect, all_dialects
from server.feeder import Feeder
from server.fetch import Fetch, Way, way_out
from server.gallery import Gallery
from server.http.calls import Fingerprints
from server.http.frame import Frame
from server.http.limits import BodyLimit
from server.http.parts import Parts
from server.http.problems import ERRORS_DESCRIBED, Problems, Wording
from server.http.standing import Spelling, StandingHeaders
from server.images import Images
from server.jobs import Jobs
from server.keys import Keys
from server.lag import watch_lag
from server.limits.limits import Limits
from server.limits.tiers import Tiers
from server.links import Links
from server.metrics import Metrics
from server.outbox import Outbox
from server.prompts.blocklist import Blocklist
from server.prompts.enhancer import make_enhancer
from server.prompts.library import Library
from server.prompts.saved import Presets
from server.routes import (
    accounts,
    audit,
    capabilities,
    collections,
    connectors,
    docs,
    events,
    files,
    gallery,
    health,
    images,
    jobs,
    keys,
    metrics,
    models,
    presets,
    prompts,
    usage,
    webhooks,
)
from server.runner import Runner
from server.sealing import make_seal
from server.settings import Settings
from server.store.accounts import plan_of
from server.store.blobs import FolderBlobs
from server.store.database import Database
from server.store.holder import Holder
from server.store.migrate import migrate
from server.thumbnails import Thumbnails
from server.tokens import tokens_of
from server.webhooks.forms import OWN, Form, own_form
from server.webhooks.hooks import Webhooks

DESCRIPTION = "A self-hosted image server: it runs diffusion models itself and answers image APIs."


def create_app(settings: Settings, catalog: Catalog, worker: Worker) -> FastAPI:
    """The whole server as an ASGI application; its lifespan opens the database, and starts and stops the worker."""
    database = Database(settings.database)
    dialects = all_dialects()
    parts, runner = gather(settings, catalog, worker, database, dialects)
    problems = Problems(manners_of(dialects))

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await asyncio.to_thread(migrate, database)
        runner.start()
        parts.outbox.start()
        lag = asyncio.create_task(watch_lag(parts.metrics))
        try:
            yield
        finally:
            lag.cancel()
            await runner.stop()
            await parts.outbox.stop()
            database.close()

    app = FastAPI(
        title="Darkroom",
        description=DESCRIPTION,
        version="1",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        responses=ERRORS_DESCRIBED,
    )
    app.state.parts = parts
    problems.install(app)
    for dialect in dialects:
        app.include_router(dialect.router)
    for router in (
        jobs.router, events.router, images.router, files.router, files.links, collections.router, gallery.router,
        models.router, prompts.router, presets.router, webhooks.router, connectors.router,
        health.router, metrics.router, docs.router,
        accounts.router, keys.router, audit.router, capabilities.router, usage.router,
    ):  # fmt: skip
        app.include_router(router)
    app.add_middleware(Fingerprints)
    app.add_middleware(BodyLimit, most_bytes=settings.max_body_bytes)
    app.add_middleware(StandingHeaders, limits=parts.limits, dialects=spellings_of(dialects))
    if settings.cors_origins:
        # Without credentials, which are cookies and the like: our keys travel in a header that a page sets itself.
        anything = ["*"]
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=anything,
            allow_headers=anything,
            expose_headers=anything,
        )
    app.add_middleware(Frame, problems=problems, metrics=parts.metrics, root_path=settings.root_path)
    if settings.trusted_proxies:
        trusted = [str(network) for network in settings.trusted_proxies]
        app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=trusted)
    return app


def gather(
    settings: Settings, catalog: Catalog, worker: Worker, database: Database, dialects: Sequence[Dialect]
) -> tuple[Parts, Runner]:
    """Everything that the routes lean on, made from the settings, and what runs beside them."""
    blocklist, library = Blocklist.load(settings.blocklist), Library(settings.data / "prompts")
    admin_key = settings.admin_key.get_secret_value() if settings.admin_key else None
    kept_seconds = settings.image_ttl_seconds, settings.purge_seconds
    owners = Accounts(database)
    blobs = FolderBlobs(settings.data / "blobs")
    stored = Images(
        database, blobs, *kept_seconds,
        metadata=settings.metadata, limit_of=owners.storage_limit_of, keeps_of=owners.saves,
    )  # fmt: skip
    link_key = settings.link_key.get_secret_value() if settings.link_key else None
    holder = Holder(settings.data / "holders")
    feeder = Feeder(database, blobs, worker, holder)
    owed = Jobs(
        database, blobs, worker, feeder,
        max_queue=settings.max_queue, blocklist=blocklist, images=stored, kept_seconds=settings.idempotency_seconds,
        audit_prompts=settings.audit_prompts,
    )  # fmt: skip
    figures = Metrics(lambda: worker.health().counters)
    seal = make_seal(settings)
    way = way_out(settings.ca_file, settings.proxy.get_secret_value() if settings.proxy else None)
    hooks = Webhooks(database, webhook_door(settings, way), seal, forms_of(settings, dialects))
    linked = Connectors(database, stored, places_of(settings, way), seal)
    senders = {"webhook": hooks.send, "upload": linked.send}
    outbox = Outbox(database, senders, holder.name, figures, settings.webhook_retry_seconds)
    parts = Parts(
        settings=settings,
        catalog=catalog,
        worker=worker,
        jobs=owed,
        images=stored,
        gallery=Gallery(database, stored),
        thumbnails=Thumbnails(database, blobs),
        links=Links(settings.data, link_key),
        metrics=figures,
        accounts=owners,
        keys=Keys(database, admin_key),
        audit=Audit(database),
        tokens=tokens_of(settings, owners, way),
        library=library,
        presets=Presets(database, library),
        enhancer=make_enhancer(settings, library, blocklist, way),
        checks=checks_of(settings, worker, database),
        fetch=fetch_of(settings, way),
        credits=Credits(database),
        limits=Limits(database, Tiers.load(settings.limits_file), plan_of),
        webhooks=hooks,
        outbox=outbox,
        connectors=linked,
    )
    return parts, Runner(worker, feeder, database, owed, stored, figures, outbox, *kept_seconds)


def fetch_of(settings: Settings, way: Way) -> Fetch:
    """What brings pictures by their address."""
    allowed = Destinations.of(settings.fetch, settings.fetch_allow)
    return Fetch(allowed, most_bytes=settings.max_body_bytes, seconds=settings.fetch_seconds, way=way)


def webhook_door(settings: Settings, way: Way) -> Fetch | None:
    """None where the operator wants no webhooks."""
    if settings.webhook == "off":
        return None
    return Fetch(destinations_of(settings), most_bytes=None, seconds=settings.webhook_seconds, way=way)


def destinations_of(settings: Settings) -> Destinations:
    """Where accounts may have something sent."""
    return Destinations.of(settings.webhook, settings.webhook_allow)


def places_of(settings: Settings, way: Way) -> Places:
    """Where accounts may have pictures copied."""
    door = Fetch(destinations_of(settings), most_bytes=MOST_ANSWERED, seconds=UPLOAD_SECONDS, way=way)
    key, secret = settings.dropbox_app_key, settings.dropbox_app_secret
    app = DropboxApp(key, secret.get_secret_value()) if key and secret else None
    return Places(None if settings.webhook == "off" else door, settings.connector_folders, app, Threads())


def forms_of(settings: Settings, dialects: Sequence[Dialect]) -> dict[str, Form]:
    """The words in which webhooks are told, by name."""
    forms = {dialect.name: dialect.form(settings) for dialect in dialects if dialect.form}
    return forms | {OWN: own_form(settings.public_url)}


def manners_of(dialects: Sequence[Dialect]) -> dict[str, tuple[Wording, Mapping[int, int]]]:
    """How errors are told, by prefix."""
    return {prefix: (dialect.wording, dialect.statuses) for dialect in dialects for prefix in dialect.prefixes}


def spellings_of(dialects: Sequence[Dialect]) -> dict[str, tuple[str, Spelling | None]]:
    """Who spells what is left of a caller's limits, and how, by prefix."""
    return {prefix: (dialect.name, dialect.limits_headers) for dialect in dialects for prefix in dialect.prefixes}
