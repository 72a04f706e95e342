"""A child process has a catalogue of its own, and looks at the models folder again before a job that may need it."""

import torch
from safetensors.torch import save_file

from pipelines.engine.child import obey
from pipelines.engine.inline import InlineWorker
from pipelines.engine.protocol import Terms
from pipelines.engine.wire import Submit
from pipelines.planning import text_to_image
from tests.pipelines.conftest import Write


def test_a_job_may_use_a_file_that_is_younger_than_the_child(catalogued: Write) -> None:
    catalog = catalogued({"kind": "fake", "files": [{"path": "fake.safetensors"}]})
    for name in ("tiny", "embeddings"):
        (catalog.models_folder / name).mkdir(parents=True)
    (catalog.models_folder / "tiny" / "fake.safetensors").touch()
    task = text_to_image(catalog, model="tiny", prompt="a star, ink")
    save_file(
        {"clip_l": torch.zeros(1, 768), "clip_g": torch.zeros(1, 1280)},
        catalog.models_folder / "embeddings" / "ink.safetensors",
    )
    obey(InlineWorker(catalog, "cpu"), catalog, Submit("job", task, Terms()))
    assert catalog.get("ink").kind == "embedding"


def test_a_spoilt_lock_file_does_not_kill_the_child(catalogued: Write) -> None:
    catalog = catalogued({"kind": "fake", "files": [{"path": "fake.safetensors"}]})
    (catalog.models_folder / "tiny").mkdir(parents=True)
    (catalog.models_folder / "tiny" / "fake.safetensors").touch()
    task = text_to_image(catalog, model="tiny", prompt="a star")
    (catalog.models_folder / "models.lock.yaml").write_text("models: [")
    worker = InlineWorker(catalog, "cpu")
    obey(worker, catalog, Submit("job", task, Terms()))
    assert worker.health().waiting == 1
