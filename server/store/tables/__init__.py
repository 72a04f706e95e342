"""Every table, a file for each family. The migrations end in exactly these (a test compares them)."""

from server.store.tables.base import metadata
from server.store.tables.jobs import images, jobs

__all__ = ["images", "jobs", "metadata"]
