"""A picture that the memory does not hold in one piece goes through the VAE in tiles, without a seam."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from pipelines.sdxl.latents import decode, encode, pixels_of
from pipelines.sdxl.loading import load_folder
from pipelines.sdxl.model import SdxlModel
from tests.pipelines.conftest import save_tiny_sdxl

AREA = 16 * 16  # of the latents, that the small card below holds


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> SdxlModel:
    folder = tmp_path_factory.mktemp("tiles")
    save_tiny_sdxl(folder)
    return load_folder("tiny", Path(folder), torch.device("cpu"), torch.float32)


@pytest.fixture
def small_card(model: SdxlModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """The VAE's inner parts run out of memory above AREA."""
    decoder, encoder = model.vae.decoder.forward, model.vae.encoder.forward

    def limited(work: Any, numbers: int) -> Any:
        def forward(sample: Tensor, *rest: Any) -> Any:
            if sample.shape[-1] * sample.shape[-2] > numbers:
                raise torch.OutOfMemoryError("no room")
            return work(sample, *rest)

        return forward

    monkeypatch.setattr(model.vae.decoder, "forward", limited(decoder, AREA))
    monkeypatch.setattr(model.vae.encoder, "forward", limited(encoder, AREA * 64))


@pytest.mark.parametrize("side", [(16, 32), (32, 32), (20, 28)], ids=["wide", "square", "odd"])
@pytest.mark.usefixtures("small_card")
def test_a_single_picture_is_decoded_in_tiles(model: SdxlModel, side: tuple[int, int]) -> None:
    levels = decode(model, torch.randn(1, 4, *side))
    assert levels.shape == (1, side[0] * 8, side[1] * 8, 3)
    assert not model.vae.use_tiling


@pytest.mark.usefixtures("small_card")
def test_several_pictures_want_to_be_fewer_first(model: SdxlModel) -> None:
    with pytest.raises(torch.OutOfMemoryError):
        decode(model, torch.randn(2, 4, 32, 32))


@pytest.mark.usefixtures("small_card")
def test_a_picture_is_encoded_in_tiles(model: SdxlModel) -> None:
    picture = Image.fromarray(np.zeros((256, 192, 3), np.uint8))
    mean, deviation = encode(model, pixels_of(picture, model))
    assert mean.shape == deviation.shape == (4, 32, 24)


@pytest.mark.usefixtures("small_card")
def test_what_not_even_tiles_can_hold_is_told(model: SdxlModel) -> None:
    with pytest.raises(torch.OutOfMemoryError):
        decode(model, torch.randn(1, 4, 128, 128))
    assert not model.vae.use_tiling
