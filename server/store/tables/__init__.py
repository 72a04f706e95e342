"""Every table, a file for each family. The migrations end in exactly these (a test compares them)."""

from server.store.tables.accounts import accounts, keys
from server.store.tables.base import metadata
from server.store.tables.credits import counts, ledger, quotas
from server.store.tables.gallery import collected, collections, image_tags, presets, thumbnails
from server.store.tables.idempotency import requests
from server.store.tables.jobs import images, jobs

__all__ = [
    "accounts",
    "collected",
    "collections",
    "counts",
    "image_tags",
    "images",
    "jobs",
    "keys",
    "ledger",
    "metadata",
    "presets",
    "quotas",
    "requests",
    "thumbnails",
]
