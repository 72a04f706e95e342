"""Prompts that were read already are remembered: the same few come again and again, the empty one most of all."""

from collections import OrderedDict

import structlog

from pipelines.counters import Counters
from pipelines.errors import TaskRefused
from pipelines.sdxl.embeddings import Embedding, Embeddings, Words
from pipelines.sdxl.model import SdxlModel
from pipelines.sdxl.prompts import CHUNK, Conditioning, TextEncoders
from pipelines.tally import Tally

log = structlog.get_logger("prompts")

MOST_REMEMBERED = 256  # chunks of 77 tokens, of SDXL 0.3 MB each; a long prompt has dozens


class Prompts:
    """Of one model with one set of LoRAs; the least recently used are forgotten.

    Each prompt is read by itself, so that what is remembered does not depend on its company.
    """

    def __init__(self, model: SdxlModel, embeddings: Embeddings, tally: Tally) -> None:
        self._embeddings = embeddings
        self._tally = tally
        self._encoders = TextEncoders(model.text_encoder, model.text_encoder_2, model.tokenizer, model.tokenizer_2)
        self._most_skipped = model.text_encoder.config.num_hidden_layers - 1
        self._read: OrderedDict[tuple[str, int, tuple[Embedding, ...]], Conditioning] = OrderedDict()

    def read(self, prompt: str, clip_skip: int) -> Conditioning:
        """An embedding that was made for encoders of another width is left out: its word is read as plain text.

        Raises TaskRefused where the text encoders have not so many layers to leave out, WeightsRefused for the file of
        an embedding.
        """
        if clip_skip > self._most_skipped:
            raise TaskRefused(f"clip_skip must be from 0 to {self._most_skipped} for this model.", field="clip_skip")
        words = self._embeddings.in_prompt(prompt)
        key = (prompt, clip_skip, tuple(words.values()))
        is_known = key in self._read
        self._tally.add(Counters(prompt_hits=int(is_known), prompt_misses=int(not is_known)))
        if not is_known:
            (self._read[key],) = self._encoders.read([prompt], clip_skip, self._fitting(words))
        self._read.move_to_end(key)
        while len(self._read) > 1 and sum(map(_chunks, self._read.values())) > MOST_REMEMBERED:
            self._read.popitem(last=False)
        return self._read[key]

    def _fitting(self, words: Words) -> Words:
        fitting = {}
        for word, embedding in words.items():
            widths = tuple(vectors.shape[1] for vectors in embedding.vectors)
            if widths == self._encoders.widths:
                fitting[word] = embedding
            else:
                log.info("embedding_left_out", embedding=embedding.id, reason="It was made for other text encoders.")
        return fitting


def _chunks(read: Conditioning) -> int:
    return len(read.embeddings) // (CHUNK + 2)
