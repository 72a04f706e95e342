"""What the IP-Adapter stage teaches and saves: most captions name no colour, its files are read by the real loader."""

from pathlib import Path
from random import Random

import pipelines.torchvision_ops  # noqa: F401  (before diffusers)

import pytest
import torch
from diffusers import UNet2DConditionModel

from pipelines.demo.draw import draw_scene
from pipelines.demo.world import COLOURS, Scene, Thing, random_scene
from pipelines.sdxl.ip_files import load_ip_adapter, pooled_width
from tests.judge import look
from tests.shapes import FOLDER
from training.ip_adapter import ENCODER, adapter_of, likeness_caption, new_adapter, reference_of, save

PURPLE_STAR = Scene("yellow", (Thing("purple", "star", "medium", "middle"),))


def test_captions_leave_the_colours_to_the_picture() -> None:
    random = Random(1)
    scenes = [PURPLE_STAR, *(random_scene(random, held_out=False) for _ in range(60))]
    captions = [(scene, likeness_caption(scene, random, named=0)) for scene in scenes]
    told = [(scene, caption.replace(",", " ").replace(".", " ").split()) for scene, caption in captions if caption]
    assert all(scene.things[0].shape in words for scene, words in told)
    assert not [words for _, words in told if {*COLOURS, "grey", "background"} & set(words)]


def test_a_quarter_of_the_captions_name_the_colours_of_the_picture() -> None:
    random = Random(1)
    told = [text for text in (likeness_caption(PURPLE_STAR, random) for _ in range(400)) if text]
    assert 0.2 < sum("purple" in text and "yellow" in text for text in told) / len(told) < 0.3


def test_references_are_other_pictures_in_the_same_colours() -> None:
    random = Random(1)
    sights = [look(reference_of(PURPLE_STAR, random)) for _ in range(30)]
    assert {(sight.colour, sight.background) for sight in sights} == {("purple", "yellow")}
    assert len({sight.shape for sight in sights}) > 3
    assert len({sight.place for sight in sights}) > 3


@pytest.mark.draws
@torch.inference_mode()
def test_what_is_saved_is_what_was_trained(tmp_path: Path) -> None:
    torch.manual_seed(0)
    unet = UNet2DConditionModel.from_pretrained(FOLDER / "unet")
    adapter = new_adapter(unet).eval()
    torch.nn.init.normal_(adapter.values.weight)
    picture = draw_scene(PURPLE_STAR, 128, 96, Random(1))
    expected, words = adapter.show([picture, picture]), torch.randn(pooled_width(unet))
    added = expected.added(words)  # saving makes halves of the layers
    file = save(adapter, tmp_path)
    found = load_ip_adapter(file, file.parent / ENCODER, unet, torch.device("cpu"), torch.float32)
    seen = found.show([picture, picture])
    assert (seen.added(words) - added).abs().max() < 0.02 * added.abs().max()
    for ours, theirs in zip(seen[:2], expected[:2], strict=True):
        assert (ours.keys - theirs.keys).abs().max() < 0.02 * theirs.keys.abs().max()  # stored in halves
        assert (ours.values - theirs.values).abs().max() < 0.02 * theirs.values.abs().max()
    again = adapter_of(tmp_path, unet)
    assert all(each.requires_grad for each in again.parameters())
    assert sum(path.stat().st_size for path in file.parent.rglob("*") if path.is_file()) < 6e6
