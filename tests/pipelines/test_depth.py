"""A model of Depth Anything's kind is read from its folder and sees what transformers' own pipeline sees with it."""

from pathlib import Path

import pipelines.torchvision_ops  # noqa: F401  # before transformers

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import Dinov2Config, DPTImageProcessor, pipeline
from transformers.models.depth_anything import DepthAnythingConfig, DepthAnythingForDepthEstimation

from pipelines.depth import load_depth
from pipelines.errors import TaskRefused, WeightsRefused
from pipelines.registry import Registry
from tests.pipelines.conftest import Write

CPU = torch.device("cpu")
WEIGHTS = "model.safetensors"
SEER = {
    "id": "seer",
    "kind": "depth",
    "files": [{"path": "config.json"}, {"path": "preprocessor_config.json"}, {"path": WEIGHTS}],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny network of random weights in the layout of the true one."""
    torch.manual_seed(0)
    stages = [f"stage{number}" for number in range(1, 5)]
    backbone = Dinov2Config(
        hidden_size=16,
        num_hidden_layers=4,
        num_attention_heads=2,
        image_size=28,
        patch_size=14,
        out_features=stages,
        reshape_hidden_states=False,
    )
    config = DepthAnythingConfig(
        backbone_config=backbone,
        reassemble_hidden_size=16,
        neck_hidden_sizes=[8, 8, 8, 8],
        fusion_hidden_size=8,
        head_hidden_size=8,
    )
    folder = tmp_path_factory.mktemp("models") / "seer"
    DepthAnythingForDepthEstimation(config).save_pretrained(folder)
    sizes = {"size": {"height": 56, "width": 56}, "ensure_multiple_of": 14, "keep_aspect_ratio": True}
    DPTImageProcessor(do_resize=True, **sizes).save_pretrained(folder)
    return folder


@pytest.fixture
def picture() -> Image.Image:
    return Image.fromarray(np.random.default_rng(1).integers(0, 256, (60, 80, 3), dtype=np.uint8))


def test_it_sees_what_transformers_sees(folder: Path, picture: Image.Image) -> None:
    ours = load_depth(folder, CPU, torch.float32)(picture)
    theirs = pipeline("depth-estimation", model=str(folder), device="cpu")(picture)["depth"]
    assert (ours.size, ours.mode) == ((80, 60), "RGB")
    levels = np.asarray(ours).astype(int)
    assert np.abs(levels[..., 0] - np.asarray(theirs).astype(int)).max() <= 1
    assert (levels == levels[..., :1]).all()
    assert (levels.min(), levels.max()) == (0, 255)


def test_a_network_that_is_not_whole_is_refused(folder: Path, tmp_path: Path) -> None:
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    weights = load_file(folder / WEIGHTS)
    weights.pop(next(name for name in weights if name.startswith("head.")))
    save_file(weights, tmp_path / WEIGHTS, metadata={"format": "pt"})
    with pytest.raises(WeightsRefused, match="not whole"):
        load_depth(tmp_path, CPU, torch.float32)


def test_the_registry_takes_the_installed_one_or_says_what_to_install(
    catalogued: Write, tmp_path: Path, folder: Path, picture: Image.Image
) -> None:
    absent = SEER | {"id": "absent", "source": {"hub": "owner/absent", "revision": None}}
    with pytest.raises(TaskRefused, match="`darkroom pull absent`"):
        Registry(catalogued({}, absent), CPU, torch.float32, None).depth(picture)
    (tmp_path / "models").mkdir(exist_ok=True)
    (tmp_path / "models" / "seer").symlink_to(folder)
    registry = Registry(catalogued({}, absent, SEER), CPU, torch.float32, None)
    assert registry.depth(picture) == load_depth(folder, CPU, torch.float32)(picture)
    assert registry.tools.depth() is registry.tools.depth()
