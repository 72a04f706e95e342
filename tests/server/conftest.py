"""The servers that these tests talk to, without their log."""

from tests.server.serving import quiet, serve, shared

__all__ = ["quiet", "serve", "shared"]
