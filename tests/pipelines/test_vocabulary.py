"""What is written down comes back as it was, from an earlier version too, and nothing else is taken for a task.

That every kind of task and of facts comes back is in engine/test_wire.py, on the same codec.
"""

import json

import pytest

from pipelines.tasks import Raster, TextToImage, Upscale
from pipelines.vocabulary import TASK_KINDS, Vocabulary, VocabularyError

TASKS = Vocabulary(TASK_KINDS)
STAR = TextToImage("m", "a red star", "", 64, 48, 20, 4.0, "euler", 7)


def test_the_text_is_json_and_the_bytes_are_apart() -> None:
    task = Upscale(image=Raster(1, 1, b"\0\xff\x80"), width=2, height=2)
    text, pixels = TASKS.write(task)
    assert json.loads(text)["kind"] == "Upscale"
    assert pixels == [b"\0\xff\x80"]
    assert TASKS.read(text, b"".join(pixels)) == task


def test_a_field_that_an_earlier_version_did_not_have_gets_its_default() -> None:
    said = json.loads(TASKS.write(STAR)[0])
    del said["fields"]["loras"]
    assert TASKS.read(json.dumps(said), b"") == STAR


@pytest.mark.parametrize(
    ("changes", "pixels"),
    [
        pytest.param({"model": 7}, b"", id="a field of another type"),
        pytest.param({"colour": "red"}, b"", id="a field of a later version"),
        pytest.param({"seed": {"bytes": 4}}, b"four", id="bytes for a number"),
        pytest.param({}, b"more", id="bytes that nothing mentions"),
    ],
)
def test_what_is_no_task_is_refused(changes: dict[str, object], pixels: bytes) -> None:
    said = json.loads(TASKS.write(STAR)[0])
    said["fields"] |= changes
    with pytest.raises(VocabularyError):
        TASKS.read(json.dumps(said), pixels)
