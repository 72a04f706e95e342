"""LoRAs that are asked for inside a prompt, in AUTOMATIC1111's way: `a star <lora:ink:0.8>`."""

import re

from pipelines.tasks import Lora

TAG = re.compile(r"<lora:([^<>:]{1,128})(?::([+-]?[0-9]*\.?[0-9]+))?>")


def taken_out(prompt: str) -> tuple[str, tuple[Lora, ...]]:
    """The prompt without its tags, and the LoRAs that they name; a tag without a number has scale 1.

    What is not quite a tag stays in the prompt.
    """
    loras = tuple(Lora(match[1], float(match[2] or 1)) for match in TAG.finditer(prompt))
    return (re.sub(r"  +", " ", TAG.sub("", prompt)).strip(), loras) if loras else (prompt, ())
