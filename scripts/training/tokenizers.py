"""Stage 0: two CLIP tokenizers, byte-level BPE learnt from the captions; unknown words fall back to bytes."""

from collections.abc import Iterator
from pathlib import Path
from random import Random

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import CLIPTokenizer

from pipelines.demo.captions import PREFIXES, STYLE_WORDS, caption, sparse_sentence
from pipelines.demo.world import random_scene

CAPTIONS = 6000
VOCABULARY = 1400
START, END, WORD_END = "<|startoftext|>", "<|endoftext|>", "</w>"
# CLIP's own split (OpenAI CLIP, simple_tokenizer.py): contractions, words, single digits, runs of anything else.
SPLIT = r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"


def make_tokenizers(folder: Path) -> None:
    """Write `tokenizer` and `tokenizer_2` into `folder`; as in SDXL the second one pads with '!', not with the end."""
    vocabulary, merges = _learn()
    for name, padding in (("tokenizer", END), ("tokenizer_2", "!")):
        tokenizer = CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=77, pad_token=padding)
        tokenizer.save_pretrained(folder / name)


def _learn() -> tuple[dict[str, int], list[tuple[str, str]]]:
    tokenizer = Tokenizer(models.BPE(end_of_word_suffix=WORD_END))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    every_byte = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[START, END, *every_byte, *(byte + WORD_END for byte in every_byte)],
        end_of_word_suffix=WORD_END,
        show_progress=False,
    )
    tokenizer.train_from_iterator(_texts(), trainer)
    model = tokenizer.model
    assert isinstance(model, models.BPE)
    return _parts(tokenizer)


def _texts() -> Iterator[str]:
    random = Random(0)
    for index in range(CAPTIONS):
        scene = random_scene(random, held_out=False, pair=index % 4 == 0)
        yield caption(scene, random, long=index % 5 == 0)
        if scene.relation is None:
            yield sparse_sentence(scene, random)[0]
    yield from PREFIXES
    yield from STYLE_WORDS * 20


def _parts(tokenizer: Tokenizer) -> tuple[dict[str, int], list[tuple[str, str]]]:
    import json

    model = json.loads(tokenizer.to_str())["model"]
    return model["vocab"], [tuple(merge) for merge in model["merges"]]
