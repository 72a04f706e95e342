"""The calls that the document of image-studio shows, by the clients that it shows: curl, requests, fetch."""

import base64
import io
import json
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest
from PIL import Image

from tests.judge import look
from tests.server.serving import KEY

pytestmark = pytest.mark.draws

WISH = {
    "prompt": "a big yellow star on a black background",
    "template_id": "linkedin_post",
    "quality": "standard",
    "seed": 3,
}
SIZE = (1200, 628)  # of the template
SECONDS = 120
# Everything but the page's own elements, for which there is no page: the picture's address goes to the output.
SCRIPT = """
const [address, key, wish] = process.argv.slice(1);
const answer = await fetch(address, {
  method: 'POST',
  headers: {'Authorization': `Bearer ${key}`, 'Content-Type': 'application/json'},
  body: wish,
});
const {results: [drawn]} = await answer.json();
process.stdout.write(`data:image/png;base64,${drawn.image_base64}`);
"""


@pytest.fixture
def address(clients: dict[str, httpx.Client], monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return f"{str(clients[''].base_url).rstrip('/')}/api/image-studio/create"


def check(content: bytes) -> None:
    """The file is whole, of the template's size, and shows what was asked for."""
    picture = Image.open(io.BytesIO(content))
    assert (picture.format, picture.size) == ("PNG", SIZE)
    seen = look(picture.convert("RGB").resize((128, 67)))
    assert (seen.background, seen.colour) == ("black", "yellow")


def output_of(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=SECONDS).stdout


def needing(program: str) -> str:
    return shutil.which(program) or pytest.skip(f"{program} is not on this machine")


def test_curl_draws(address: str) -> None:
    headers = ["-H", f"Authorization: Bearer {KEY}", "-H", "Content-Type: application/json"]
    answer = output_of(needing("curl"), "-sS", "-X", "POST", address, *headers, "-d", json.dumps(WISH))
    check(base64.b64decode(json.loads(answer)["results"][0]["image_base64"]))


def test_requests_draws(address: str, tmp_path: Path) -> None:
    requests = pytest.importorskip("requests")
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    answer = requests.post(address, json=WISH, headers=headers, timeout=SECONDS).json()
    file = tmp_path / "picture.png"
    with file.open("wb") as opened:
        opened.write(base64.b64decode(answer["results"][0]["image_base64"]))
    check(file.read_bytes())


def test_fetch_draws(address: str) -> None:
    node = needing("node")
    shown = output_of(node, "--input-type=module", "-e", SCRIPT, address, KEY, json.dumps(WISH))
    check(base64.b64decode(shown.removeprefix("data:image/png;base64,"), validate=True))
