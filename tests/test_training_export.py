"""What the matting stage exports is what it trained, and the loader of real networks takes it."""

from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch

from pipelines.matting.network import FAMILIES, load_matting
from training.matting import MODEL, MattingUNet, lessons, save
from training.scenes import scene


@pytest.mark.filterwarnings("ignore:.*LeafSpec.*:FutureWarning")  # torch's exporter, to itself
def test_the_exported_network_answers_as_the_trained_one(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = MattingUNet()
    pictures, _ = lessons(Random(2), 3)
    with torch.no_grad():
        expected = network(pictures).sigmoid().numpy()
    file = save(network, tmp_path / MODEL)
    exported = load_matting(file, torch.device("cpu"))
    shown = exported.session.get_inputs()[0].name
    (answer,) = exported.session.run(None, {shown: np.ascontiguousarray(pictures.numpy())})
    assert answer == pytest.approx(expected, abs=1e-4)
    assert exported.family is FAMILIES["shapes"]
    assert sum(weights.numel() for weights in network.parameters()) <= 300_000
    assert file.stat().st_size <= 1.5e6
    assert [path.name for path in file.parent.iterdir()] == [file.name]  # weights are inside
    assert str(Path(__file__).parents[1]).encode() not in file.read_bytes()
    picture, _ = scene(Random(1), 200, 1, "checks", held_out=True)
    (mask,) = exported.masks([picture])
    assert mask.size == (200, 200)
