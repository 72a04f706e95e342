"""A task as it is written down: JSON for its row, and one blob with all the bytes that it mentions.

One blob, because it is written, referred to and removed as one; the same request sent twice still shares it.
"""

import re

from pipelines.tasks import Facts, Task
from pipelines.vocabulary import TASK_KINDS, Vocabulary, VocabularyError
from server.errors import TaskUnreadable
from server.store import blobs as bytes_of
from server.store.blobs import Blobs

VOCABULARY = Vocabulary(TASK_KINDS)


def kind_of(task: Task) -> str:
    """Its class in the words of our API, such as text_to_image."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", type(task).__name__).lower()


def write_task(task: Task, blobs: Blobs) -> tuple[str, str | None]:
    """The JSON, and the name of the blob where there are bytes. Raises OSError."""
    text, pixels = VOCABULARY.write(task)
    return text, blobs.put(b"".join(pixels)) if pixels else None


def read_task(text: str, pixels: str | None, blobs: Blobs) -> Task:
    """Raises TaskUnreadable."""
    try:
        task = VOCABULARY.read(text, bytes_of.read(blobs, pixels) if pixels else b"")
    except (VocabularyError, OSError) as error:
        raise TaskUnreadable from error
    if not isinstance(task, Task):
        raise TaskUnreadable
    return task


def write_facts(facts: Facts | None) -> str | None:
    return None if facts is None else VOCABULARY.write(facts)[0]


def read_facts(text: str | None) -> Facts | None:
    """None too where another version of the server wrote them in words that are unknown here."""
    try:
        facts = None if text is None else VOCABULARY.read(text, b"")
    except VocabularyError:
        return None
    return facts if isinstance(facts, Facts) else None
