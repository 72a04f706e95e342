"""Every table, a file for each family. The migrations end in exactly these (a test compares them)."""

from server.store.tables.base import metadata
from server.store.tables.gallery import collected, collections, image_tags, presets, thumbnails
from server.store.tables.jobs import images, jobs
from server.store.tables.outbox import connectors, deliveries, outbox, webhooks

__all__ = [
    "collected",
    "collections",
    "connectors",
    "deliveries",
    "image_tags",
    "images",
    "jobs",
    "metadata",
    "outbox",
    "presets",
    "thumbnails",
    "webhooks",
]
