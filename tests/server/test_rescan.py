"""Files that are put into the models folder while the server runs are in its catalogue when it is told to look."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from tests.server.serving import Serve, until

LORA = {
    "lora_unet_mid_block_attn1_to_q.lora_down.weight": torch.zeros(4, 640),
    "lora_unet_mid_block_attn1_to_q.lora_up.weight": torch.zeros(640, 4),
}
RESCAN = "/darkroom/v1/models/rescan"
NOTHING: dict[str, list[str]] = {"added": [], "removed": [], "changed": []}


@pytest.fixture
def loras(tmp_path: Path) -> Path:
    """The folder for LoRAs of the server under test."""
    folder = tmp_path / "models" / "loras"
    folder.mkdir(parents=True)
    return folder


def test_a_rescan_finds_what_came_and_what_went(serve: Serve, loras: Path) -> None:
    client = serve().client
    assert client.post(RESCAN).json() == NOTHING
    save_file(LORA, loras / "Wool & Ink.safetensors", metadata={"ss_output_name": "wool"})
    assert client.post(RESCAN).json() == NOTHING | {"added": ["wool-ink"]}
    listed = {model["id"]: model for model in client.get("/darkroom/v1/models").json()["models"]}
    assert (listed["wool-ink"]["kind"], listed["wool-ink"]["name"]) == ("lora", "wool")
    assert listed["wool-ink"]["installed"] is True
    (loras / "Wool & Ink.safetensors").unlink()
    assert client.post(RESCAN).json() == NOTHING | {"removed": ["wool-ink"]}


def test_a_job_may_use_what_was_found(serve: Serve, loras: Path) -> None:
    served = serve()
    body = {"task": "text_to_image", "prompt": "a star <lora:Wool & Ink:0.5>", "steps": 1}
    assert served.client.post("/darkroom/v1/jobs", json=body).json()["error"]["code"] == "model_unknown"
    save_file(LORA, loras / "Wool & Ink.safetensors")
    served.client.post(RESCAN)
    assert served.client.post("/darkroom/v1/jobs", json=body).status_code == 202
    until(lambda: bool(served.worker.tasks))
    (task,) = served.worker.tasks
    assert [(lora.name, lora.scale) for lora in task.loras] == [("wool-ink", 0.5)]


def test_a_spoilt_file_is_not_listed_and_stops_nothing(serve: Serve, loras: Path) -> None:
    (loras / "evil.safetensors").write_bytes(b"\x80\x04\x95cposix\nsystem\n")
    client = serve().client
    assert client.post(RESCAN).json() == NOTHING
    assert client.get("/darkroom/v1/models").status_code == 200


def test_a_rescan_needs_a_key(serve: Serve) -> None:
    assert serve().client.post(RESCAN, headers={"Authorization": "Bearer wrong"}).status_code == 401
