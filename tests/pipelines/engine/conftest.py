"""A catalogue whose one model is the tiny random SDXL, and an engine that draws with it in the test's own thread."""

from pathlib import Path

import pytest
import torch

from pipelines.catalog import Catalog
from pipelines.registry import Registry
from tests.pipelines.conftest import Write, save_tiny_sdxl


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny") / "tiny"
    save_tiny_sdxl(folder)
    return folder


@pytest.fixture
def catalog(tiny_folder: Path, tmp_path: Path, catalogued: Write) -> Catalog:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "tiny").symlink_to(tiny_folder)
    return catalogued({}, {"id": "absent"})


@pytest.fixture
def registry(catalog: Catalog) -> Registry:
    return Registry(catalog, torch.device("cpu"), torch.float32, None)
