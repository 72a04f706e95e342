"""A model is loaded and unloaded on request, in a worker that draws for others meanwhile."""

from pathlib import Path

import pytest
import yaml

from pipelines.catalog import Catalog
from pipelines.engine.inline import InlineWorker
from pipelines.engine.protocol import Finished, Terms
from pipelines.wishes import Wishes
from tests.pipelines.conftest import ENTRY, save_tiny_sdxl
from tests.pipelines.engine.hearing import Ears, task
from tests.server.serving import until


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    """With one model that can be loaded, and one whose file is none."""
    save_tiny_sdxl(tmp_path / "models" / "tiny")
    spoilt = ENTRY | {"id": "spoilt", "files": [{"path": "spoilt.safetensors"}], "tokenizers_from": "tiny"}
    (tmp_path / "models" / "spoilt").mkdir()
    (tmp_path / "models" / "spoilt" / "spoilt.safetensors").write_bytes(b"pickle")
    (tmp_path / "models.yaml").write_text(yaml.safe_dump({"models": [ENTRY, spoilt]}))
    return Catalog.load(tmp_path / "models.yaml", tmp_path / "models")


def test_a_model_comes_and_goes_as_it_is_wished_and_draws_all_the_same(catalog: Catalog) -> None:
    worker, ears = InlineWorker(catalog, "cpu"), Ears()
    worker.start(ears.hear)
    try:
        until(lambda: worker.health().loaded_models == ("tiny",))
        worker.wish("tiny", loaded=False)
        until(lambda: worker.health().loaded_models == ())
        worker.wish("tiny", loaded=True)
        until(lambda: worker.health().loaded_models == ("tiny",) and worker.health().loading == ())
        worker.wish("spoilt", loaded=True)
        worker.wish("tiny", loaded=False)
        worker.submit("job", task(model="tiny"), Terms())
        ears.wait_for(Finished, "job")
        ((name, code, _),) = worker.health().not_loaded
        assert (name, code) == ("spoilt", "weights_refused")
    finally:
        worker.stop()


def test_where_nothing_draws_any_more_nothing_is_loaded() -> None:
    wishes = Wishes()
    wishes.note("tiny", loaded=True)
    assert wishes.loading == ("tiny",)
    wishes.grant(None, "tiny", loaded=True)
    assert (wishes.loading, wishes.not_loaded[0][:2]) == ((), ("tiny", "worker_lost"))
