"""The calls that the document of /api/v2 shows, by the real curl."""

import json
import shutil
import subprocess
from typing import Any

import httpx
import pytest

from tests.server.serving import KEY

pytestmark = pytest.mark.draws

WISH = {
    "prompt": "a street at night",
    "model": "stable-diffusion-xl",
    "parameters": {"width": 1024, "height": 1024, "num_outputs": 1},
}


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_calls_by_curl_as_the_document_has_them(clients: dict[str, httpx.Client]) -> None:
    base = str(clients[""].base_url).rstrip("/")

    def curl(method: str, path: str, *more: str) -> Any:
        options = ["-sS", "--fail-with-body", "--noproxy", "*", "-m", "240", "-X", method]
        command = ["curl", *options, f"{base}/api/v2{path}", "-H", f"Authorization: Bearer {KEY}", *more]
        return json.loads(subprocess.run(command, check=True, capture_output=True, timeout=250).stdout)

    as_json = ("-H", "Content-Type: application/json", "-d", json.dumps(WISH))
    made = curl("POST", "/generate/text-to-image", *as_json)
    assert [(image["width"], image["height"]) for image in made["images"]] == [(1024, 1024)]
    found = curl("GET", f"/generations/{made['id']}")
    assert (found["id"], found["status"]) == (made["id"], "completed")
    assert [model["id"] for model in curl("GET", "/models")["models"]]
