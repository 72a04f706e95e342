"""The servers that these tests talk to, without their log."""

from collections.abc import Iterator

import httpx
import pytest

from pipelines.engine.inline import InlineWorker
from tests.over_http import client_of
from tests.server.serving import quiet, serve, shared
from tests.shapes import Artist

__all__ = ["quiet", "serve", "shared"]


@pytest.fixture(scope="session")
def clients(artist: Artist, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, httpx.Client]]:
    """Clients of one server that draws with the shapes models, by the `key` of a case's request."""
    data, worker = tmp_path_factory.mktemp("dialects"), InlineWorker(artist.catalog, "cpu")
    with (
        client_of(data, artist.catalog, worker) as client,
        httpx.Client(base_url=client.base_url, timeout=client.timeout, trust_env=False) as nobody,
        httpx.Client(base_url=client.base_url, timeout=client.timeout, trust_env=False) as other,
    ):
        account = client.post("/darkroom/v1/accounts", json={"name": "other"}).raise_for_status().json()["id"]
        key = client.post("/darkroom/v1/keys", json={"name": "other", "account": account}).raise_for_status().json()
        other.headers["X-API-Key"] = key["key"]
        yield {"": client, "other": other, "none": nobody}
