"""Words become a mask of the picture's size, whoever shares the batch; and where nothing fits them, that is said."""

import json
from collections.abc import Callable
from pathlib import Path

import pipelines.torchvision_ops  # noqa: F401  # before transformers

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import CLIPSegForImageSegmentation, CLIPTokenizer

from pipelines.errors import DrawingFailed, NothingFound, TaskRefused, WeightsRefused
from pipelines.segment import Segmenter, load_segmenter
from tests.pipelines.tiny_clipseg import SIDE, save_tiny_clipseg

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clipseg")
    save_tiny_clipseg(folder)
    return folder


@pytest.fixture(scope="module")
def segmenter(folder: Path) -> Segmenter:
    return load_segmenter(folder, CPU, torch.float16)


@pytest.fixture
def left_half(segmenter: Segmenter, monkeypatch: pytest.MonkeyPatch) -> Segmenter:
    """The decoder is sure of the left half of every picture, whatever the words are."""
    logits = torch.full((SIDE, SIDE), -5.0)
    logits[:, : SIDE // 2] = 5.0
    deciding = segmenter.model.decoder.transposed_convolution
    monkeypatch.setattr(deciding, "forward", lambda state: logits.expand(len(state), 1, SIDE, SIDE))
    return segmenter


def sure(segmenter: Segmenter, monkeypatch: pytest.MonkeyPatch, logit: float) -> Segmenter:
    deciding = segmenter.model.decoder.transposed_convolution
    monkeypatch.setattr(deciding, "forward", lambda state: torch.full((len(state), 1, SIDE, SIDE), logit))
    return segmenter


def noise(width: int, height: int, seed: int = 0) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


def test_the_answer_is_that_of_transformers(folder: Path, segmenter: Segmenter) -> None:
    """The same picture and words, prepared by hand, through the stock model."""
    picture, words = noise(SIDE, SIDE), "a red star"
    stock = CLIPSegForImageSegmentation.from_pretrained(folder).eval()
    pixels = (torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None] / 255 - 0.5) / 0.25
    ids = CLIPTokenizer.from_pretrained(folder)([words], return_tensors="pt").input_ids
    with torch.no_grad():
        expected = stock(input_ids=ids, pixel_values=pixels).logits.sigmoid().squeeze()
    (answer,) = segmenter.probabilities([(picture, words)])
    assert answer.shape == (SIDE, SIDE)
    assert torch.allclose(answer, expected, atol=1e-5)
    assert answer.std() > 0


def test_an_answer_does_not_depend_on_its_neighbours(segmenter: Segmenter) -> None:
    asked = [
        (noise(40 + 9 * seed, 30, seed), words) for seed, words in enumerate(["a", "a blue ring", "star", "x", "y z"])
    ]
    together = segmenter.probabilities(asked)
    for alone, joint in zip(asked, together, strict=True):
        assert torch.allclose(segmenter.probabilities([alone])[0], joint, atol=1e-4)  # a batch rounds otherwise


def test_other_words_get_another_answer(segmenter: Segmenter) -> None:
    picture = noise(SIDE, SIDE)
    one, other = segmenter.probabilities([(picture, "a star"), (picture, "the ring")])
    assert not torch.allclose(one, other, atol=1e-4)


@pytest.mark.parametrize("size", [(96, 48), (1, 1), (4000, 1), (2, 700)], ids=["wide", "a pixel", "a line", "a column"])
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P"])
def test_the_mask_lies_where_it_was_found_in_a_picture_of_any_size(
    size: tuple[int, int], mode: str, left_half: Segmenter
) -> None:
    mask = left_half.mask(Image.new(mode, size), "the left half")
    assert (mask.mode, mask.size) == ("L", size)
    if size[0] > 2:
        levels = np.asarray(mask)
        cell = size[0] // SIDE + 1  # pixels of the picture for one of the answer
        assert (levels[:, : size[0] // 2 - cell] == 255).all()
        assert (levels[:, size[0] // 2 + cell :] == 0).all()


def test_what_is_everywhere_marks_everything(segmenter: Segmenter, monkeypatch: pytest.MonkeyPatch) -> None:
    assert sure(segmenter, monkeypatch, 5).mask(noise(20, 10), "all").getextrema() == (255, 255)


def test_words_that_fit_nothing_are_an_error_that_says_so(
    segmenter: Segmenter, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NothingFound, match="Nothing in the picture") as refusal:
        sure(segmenter, monkeypatch, -3).mask(noise(20, 10), "a unicorn")
    assert refusal.value.field == "words"
    assert "unicorn" not in refusal.value.sentence


def test_in_a_batch_the_others_have_their_masks(segmenter: Segmenter, monkeypatch: pytest.MonkeyPatch) -> None:
    logits = torch.tensor([-5.0, 5.0, -5.0]).view(3, 1, 1, 1).expand(3, 1, SIDE, SIDE)
    monkeypatch.setattr(segmenter.model.decoder.transposed_convolution, "forward", lambda _: logits)
    answers = segmenter.masks([(noise(9, 9), "one"), (noise(7, 5), "two"), (noise(9, 9), "three")])
    assert [isinstance(answer, NothingFound) for answer in answers] == [True, False, True]
    assert isinstance(answers[1], Image.Image)
    assert answers[1].size == (7, 5)


@pytest.mark.parametrize("words", ["", "  \n"])
def test_no_words_are_refused(words: str, segmenter: Segmenter) -> None:
    with pytest.raises(TaskRefused) as refusal:
        segmenter.mask(noise(9, 9), words)
    assert refusal.value.field == "words"


def test_more_words_than_fit_are_cut_off(segmenter: Segmenter) -> None:
    picture = noise(SIDE, SIDE)
    (answer,) = segmenter.probabilities([(picture, "star " * 500)])
    assert answer.isfinite().all()


def test_numbers_that_are_no_mask_are_not_drawn(segmenter: Segmenter, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DrawingFailed):
        sure(segmenter, monkeypatch, float("nan")).mask(noise(9, 9), "a star")


def without(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def saying(text: str) -> Callable[[Path], None]:
    return lambda folder: (folder / "preprocessor_config.json").write_text(text) and None


def halved(folder: Path) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])


def pickled(folder: Path) -> None:
    torch.save({"weights": torch.zeros(2)}, folder / "pytorch_model.bin")


def of_another_kind(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    config["vision_config"]["hidden_size"] = 64
    (folder / "config.json").write_text(json.dumps(config))


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(without("config.json"), id="no config"),
        pytest.param(without("model.safetensors"), id="no weights"),
        pytest.param(without("tokenizer.json"), id="no tokenizer"),
        pytest.param(without("preprocessor_config.json"), id="no preprocessing"),
        pytest.param(saying("{"), id="preprocessing that is no JSON"),
        pytest.param(saying('{"size": 48}'), id="preprocessing without mean"),
        pytest.param(saying('{"size": -1, "image_mean": [0,0,0], "image_std": [1,1,1]}'), id="a negative size"),
        pytest.param(saying('{"size": 48, "image_mean": [0,0,0], "image_std": [0,1,1]}'), id="a deviation of nothing"),
        pytest.param(halved, id="weights cut short"),
        pytest.param(pickled, id="a pickle beside"),
        pytest.param(of_another_kind, id="weights of another shape"),
    ],
)
def test_a_folder_that_is_not_whole_is_refused_without_naming_it(
    spoil: Callable[[Path], None], folder: Path, tmp_path: Path
) -> None:
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    spoil(tmp_path)
    with pytest.raises(WeightsRefused) as refusal:
        load_segmenter(tmp_path, CPU, torch.float32)
    assert refusal.value.field == "model"
    assert str(tmp_path) not in refusal.value.sentence
