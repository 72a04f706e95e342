"""A word that a file brings stands for its vectors, wherever a prompt has it, and for nothing elsewhere."""

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from pipelines.catalog import Catalog
from pipelines.errors import WeightsRefused
from pipelines.planning import text_to_image
from pipelines.registry import Registry
from pipelines.sdxl.embeddings import Embedding, Embeddings, read_embedding, split
from pipelines.sdxl.model import SdxlModel
from pipelines.sdxl.prompts import TextEncoders, chunks
from pipelines.sdxl.reading import Prompts
from pipelines.tally import Tally
from tests.pipelines.conftest import WIDTHS
from tests.pipelines.engine.company import Listening, farthest

PLAIN = "ring"  # the words below stand for its tokens


@pytest.fixture
def model(registry: Registry) -> SdxlModel:
    return registry.sdxl("tiny")


@pytest.fixture
def encoders(model: SdxlModel) -> TextEncoders:
    return TextEncoders(model.text_encoder, model.text_encoder_2, model.tokenizer, model.tokenizer_2)


@pytest.fixture
def ring(encoders: TextEncoders) -> Embedding:
    """The vectors that the encoders have for PLAIN themselves."""
    ids = torch.tensor(encoders.tokenizer(PLAIN, add_special_tokens=False).input_ids)
    layers = encoders.text_encoder.get_input_embeddings(), encoders.text_encoder_2.get_input_embeddings()
    first, second = (layer(ids).detach().clone() for layer in layers)
    return Embedding("ring", (first, second))


def put(catalog: Catalog, name: str, vectors: tuple[Tensor, Tensor]) -> Path:
    file = catalog.models_folder / "embeddings" / f"{name}.safetensors"
    file.parent.mkdir(exist_ok=True)
    save_file(dict(zip(("clip_l", "clip_g"), vectors, strict=True)), file)
    catalog.rescan()
    return file


@pytest.mark.parametrize(
    "prompt",
    [
        "{}",
        "a {} b",
        "a,{}.",
        "a ({}:1.3) [b]",
        "a ({} b:0.7)",
        "{} {} {}",
        "a " * 70 + "{}",
        "a " * 80 + "{} b",
    ],
    ids=["alone", "among others", "commas", "weighed", "weighed with others", "thrice", "near the end", "second chunk"],
)
@torch.inference_mode()
def test_vectors_that_are_a_words_own_are_read_as_that_word(
    encoders: TextEncoders, ring: Embedding, prompt: str
) -> None:
    words = {"my ring": ring}
    (named,) = encoders.read([prompt.replace("{}", "My Ring")], words=words)
    (plain,) = encoders.read([prompt.replace("{}", PLAIN)])
    assert torch.allclose(named.embeddings, plain.embeddings, atol=1e-5)
    assert torch.allclose(named.pooled, plain.pooled, atol=1e-5)


@torch.inference_mode()
def test_a_neighbour_does_not_feel_the_vectors(encoders: TextEncoders, ring: Embedding) -> None:
    other = Embedding("other", (ring.vectors[0] + 1, ring.vectors[1] + 1))
    company = encoders.read(["a b c", "a word c", "c"], words={"word": other})
    alone = [encoders.read([prompt])[0] for prompt in ("a b c", "c")]
    assert torch.allclose(company[0].embeddings, alone[0].embeddings, atol=1e-5)
    assert torch.allclose(company[2].embeddings, alone[1].embeddings, atol=1e-5)


@pytest.mark.parametrize("letters", [70, 71, 72, 75, 145])
def test_a_chunk_never_splits_an_embedding(encoders: TextEncoders, letters: int) -> None:
    five = Embedding("five", (torch.ones(5, WIDTHS["text_encoder"]), torch.ones(5, WIDTHS["text_encoder_2"])))
    for encoder, tokenizer in enumerate((encoders.tokenizer, encoders.tokenizer_2)):
        found = chunks("a " * letters + "five b", tokenizer, {"five": five}, encoder)
        assert [len(chunk.vectors) for chunk in found if chunk.vectors] == [5]
        assert all(len(chunk.ids) == len(chunk.weights) == 77 for chunk in found)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("bad hands", ["bad", " hands"]),
        ("Bad-Hands, BAD.", ["bad-hands", ", ", "bad", "."]),
        ("badly, _bad, bad2", ["badly, _bad, bad2"]),
        ("a+b (bad)", ["a+b", " (", "bad", ")"]),
        ("nothing", ["nothing"]),
    ],
    ids=["whole word", "the longest, whatever the case", "parts of words", "signs", "none"],
)
def test_only_whole_words_are_meant(text: str, expected: list[str]) -> None:
    nothing = torch.zeros(1, 1)
    words = {word: Embedding(word, (nothing, nothing)) for word in ("bad", "bad-hands", "a+b")}
    found = [part.id if isinstance(part, Embedding) else part for part in split(text, words)]
    assert [part for part in found if part] == expected


def test_a_dropped_in_file_is_read_by_the_name_of_its_file(catalog: Catalog, model: SdxlModel, ring: Embedding) -> None:
    prompts = Prompts(model, Embeddings(catalog), Tally())
    before = prompts.read("a my ring (v2) b", 0)
    put(catalog, "My Ring", ring.vectors)
    after = prompts.read("a my ring (v2) b", 0)
    assert not torch.allclose(before.embeddings, after.embeddings)
    assert torch.allclose(after.embeddings, prompts.read(f"a {PLAIN} (v2) b", 0).embeddings, atol=1e-5)
    assert torch.equal(after.embeddings, prompts.read("a MY-RING (v2) b", 0).embeddings)


def test_a_file_that_was_replaced_is_read_again(catalog: Catalog, model: SdxlModel, ring: Embedding) -> None:
    prompts = Prompts(model, Embeddings(catalog), Tally())
    put(catalog, "ink", ring.vectors)
    before = prompts.read("ink", 0)
    assert prompts.read("ink", 0) is before
    put(catalog, "ink", (ring.vectors[0] + 1, ring.vectors[1]))
    assert not torch.allclose(prompts.read("ink", 0).embeddings, before.embeddings)


def test_an_embedding_for_other_encoders_is_read_as_a_plain_word(catalog: Catalog, model: SdxlModel) -> None:
    prompts = Prompts(model, Embeddings(catalog), Tally())
    before = prompts.read("a ink b", 0)
    put(catalog, "ink", (torch.zeros(2, 768), torch.zeros(2, 1280)))
    assert torch.equal(prompts.read("a ink b", 0).embeddings, before.embeddings)


@pytest.mark.parametrize(
    "tensors",
    [{"clip_l": torch.zeros(2, 8)}, {"clip_l": torch.zeros(1, 8), "clip_g": torch.zeros(2, 8)}],
    ids=["for one encoder", "uneven"],
)
def test_a_file_that_is_no_sdxl_embedding_is_refused(tmp_path: Path, tensors: Mapping[str, Tensor]) -> None:
    save_file(dict(tensors), tmp_path / "ink.safetensors")
    with pytest.raises(WeightsRefused, match="no embedding for SDXL"):
        read_embedding(tmp_path / "ink.safetensors")


def test_pictures_are_drawn_with_it_in_the_prompt_and_in_the_negative_one(catalog: Catalog, registry: Registry) -> None:
    random = torch.Generator().manual_seed(0)
    first, second = (3 * torch.randn(4, width, generator=random) for width in WIDTHS.values())
    put(catalog, "ink", (first, second))
    prompts = {"bare": ("star", ""), "wanted": ("star ink", ""), "unwanted": ("star", "ink")}
    listening = Listening(catalog, registry)
    for job, (prompt, negative) in prompts.items():
        said = {"prompt": prompt, "negative_prompt": negative, "width": 64, "height": 64, "steps": 2, "seed": 1}
        listening.engine.submit(job, text_to_image(catalog, model="tiny", **said))
    listening.turn_until_idle()
    bare, wanted, unwanted = (listening.pictures(job)[0] for job in prompts)
    assert farthest(bare, wanted) > 1
    assert farthest(bare, unwanted) > 1
