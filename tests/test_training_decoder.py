"""The decoder stage: small things count, and the space of latents, on which the UNet was trained, stays as it is."""

from random import Random

import pipelines.torchvision_ops  # noqa: F401  (before diffusers)

import pytest
import torch

from pipelines.demo.draw import draw_scene
from pipelines.demo.world import Scene, Thing, random_scene
from pipelines.sdxl.prompts import TextEncoders
from training.decoder import DecoderStage, near_edges
from training.folder import text_encoders, tokenizers, unet, vae
from training.vae import to_tensor


def test_a_small_thing_weighs_many_times_its_area() -> None:
    scenes = [Scene("yellow", (Thing("purple", "star", size, "middle"),)) for size in ("small", "big")]
    pictures = to_tensor([draw_scene(scene, 160, 96, Random(1)) for scene in scenes])
    weights = near_edges(pictures)
    assert weights.mean(dim=(1, 2, 3)) == pytest.approx([1, 1], abs=1e-4)
    things = (pictures - pictures[:, :, :1, :1]).abs().amax(dim=1, keepdim=True) > 0.05
    areas, shares = things.float().mean(dim=(1, 2, 3)), (things * weights).mean(dim=(1, 2, 3))
    assert shares[0] > 5 * areas[0]
    assert 0.3 < shares[0] / shares[1] < 1  # of areas it is a tenth


@pytest.fixture(scope="module")
def stage() -> DecoderStage:
    return DecoderStage(vae(), unet(), TextEncoders(*text_encoders(), *tokenizers()), torch.device("cpu"))


@pytest.mark.draws
def test_what_the_unet_draws_anew_is_nearly_the_picture_that_it_is_judged_by(stage: DecoderStage) -> None:
    random = Random(1)
    scenes = [random_scene(random, held_out=False) for _ in range(8)]
    pictures = to_tensor([draw_scene(scene, 160, 96, random) for scene in scenes])
    torch.manual_seed(1)
    with torch.inference_mode():
        latents = stage.vae.encode(pictures).latent_dist.mode() * stage.vae.config.scaling_factor
        anew = stage.redrawn(latents, scenes, random)
    changed = (anew - latents).square().mean(dim=(1, 2, 3)).sqrt()
    assert ((changed > 0.01) & (changed < 0.4)).all()  # beside latents of unit variance


@pytest.mark.draws
def test_only_the_decoder_learns(stage: DecoderStage) -> None:
    stage.loss(Random(1), 0.0).backward()
    assert all(parameter.grad is not None for parameter in stage.module.parameters())
    still = [*stage.vae.encoder.parameters(), *stage.vae.quant_conv.parameters()]
    assert not any(parameter.requires_grad for parameter in still)
    assert {id(each) for each in stage.module.parameters()} | {id(each) for each in still} == {
        id(each) for each in stage.vae.parameters()
    }
