"""Every table, a file for each family. The migrations end in exactly these (a test compares them)."""

from server.store.tables.base import metadata
from server.store.tables.jobs import images, jobs
from server.store.tables.outbox import connectors, deliveries, outbox, webhooks

__all__ = ["connectors", "deliveries", "images", "jobs", "metadata", "outbox", "webhooks"]
