"""How prompts become conditioning, on a tiny SDXL with random weights."""

import pytest
import torch

from pipelines.sdxl.loading import load_folder
from pipelines.sdxl.model import SdxlModel
from pipelines.sdxl.prompts import TextEncoders, chunks, stack
from tests.pipelines.conftest import WIDTHS, save_tiny_sdxl


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> SdxlModel:
    folder = tmp_path_factory.mktemp("prompts") / "tiny"
    save_tiny_sdxl(folder)
    return load_folder("tiny", folder, torch.device("cpu"), torch.float32)


@pytest.fixture(scope="module")
def encoders(model: SdxlModel) -> TextEncoders:
    return TextEncoders(model.text_encoder, model.text_encoder_2, model.tokenizer, model.tokenizer_2)


def test_a_prompt_of_one_chunk_is_tokenized_as_the_tokenizer_pads_it(model: SdxlModel) -> None:
    (chunk,) = chunks("a red star", model.tokenizer)
    stock = model.tokenizer("a red star", padding="max_length", max_length=77, truncation=True)
    assert chunk.ids == stock.input_ids


@pytest.mark.parametrize(("letters", "count"), [(0, 1), (75, 1), (76, 2), (150, 2), (151, 3)])
def test_a_prompt_gets_as_many_chunks_as_it_needs(model: SdxlModel, letters: int, count: int) -> None:
    found = chunks("a " * letters, model.tokenizer)
    assert len(found) == count
    assert all(len(chunk.ids) == len(chunk.weights) == 77 for chunk in found)


def test_long_prompts_are_read_whole(encoders: TextEncoders) -> None:
    long, other = encoders.read(["a " * 80 + "star", "a " * 80 + "ring"])
    assert long.embeddings.shape == (154, sum(WIDTHS.values()))
    assert torch.equal(long.embeddings[:77], other.embeddings[:77])
    assert not torch.equal(long.embeddings[77:], other.embeddings[77:])


def test_a_prompt_reads_the_same_alone_and_in_company(encoders: TextEncoders) -> None:
    (alone,) = encoders.read(["a red star"])
    company = encoders.read(["b " * 100, "a red star"])[1]
    assert torch.allclose(alone.embeddings, company.embeddings, atol=1e-5)
    assert torch.allclose(alone.pooled, company.pooled, atol=1e-5)


def test_a_weight_multiplies_the_embeddings_of_its_words_and_no_others(encoders: TextEncoders) -> None:
    plain, heavy = encoders.read(["a b c", "a (b:1.5) c"])
    ratio = heavy.embeddings / plain.embeddings
    assert torch.allclose(ratio[2], torch.full_like(ratio[2], 1.5), atol=1e-3)
    others = [0, 1, 3, 4, 5]
    assert torch.allclose(heavy.embeddings[others], plain.embeddings[others], atol=1e-5)
    assert torch.allclose(heavy.pooled, plain.pooled, atol=1e-5)


def test_rows_of_different_length_are_filled_up_and_masked(encoders: TextEncoders) -> None:
    embeddings, mask, pooled = stack(encoders.read(["a", "a " * 76]))
    assert embeddings.shape == (2, 154, sum(WIDTHS.values()))
    assert mask is not None
    assert mask.sum(dim=1).tolist() == [77, 154]
    assert pooled.shape == (2, WIDTHS["text_encoder_2"])


def test_rows_of_one_length_need_no_mask(encoders: TextEncoders) -> None:
    assert stack(encoders.read(["a", "b"]))[1] is None
