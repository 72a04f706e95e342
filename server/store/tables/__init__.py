"""Every table, a file for each family. The migrations end in exactly these (a test compares them)."""

from server.store.tables.accounts import accounts, keys
from server.store.tables.audit import audit
from server.store.tables.base import metadata
from server.store.tables.credits import counts, ledger, quotas
from server.store.tables.gallery import collected, collections, image_tags, likes, presets, thumbnails
from server.store.tables.idempotency import requests
from server.store.tables.jobs import images, jobs
from server.store.tables.outbox import connectors, deliveries, outbox, webhooks

__all__ = [
    "accounts",
    "audit",
    "collected",
    "collections",
    "connectors",
    "counts",
    "deliveries",
    "image_tags",
    "images",
    "jobs",
    "keys",
    "ledger",
    "likes",
    "metadata",
    "outbox",
    "presets",
    "quotas",
    "requests",
    "thumbnails",
    "webhooks",
]
