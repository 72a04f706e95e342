"""Every message between a worker and its child comes back as it was sent, and nothing else comes back at all."""

import json
import pickle
from dataclasses import replace
from typing import Any, get_args

import pytest

from pipelines.counters import Counters
from pipelines.engine.protocol import (
    Cancelled,
    Event,
    Failed,
    Finished,
    Health,
    Previewed,
    Progressed,
    Started,
    Terms,
)
from pipelines.engine.wire import LENGTH_BYTES, Begin, Cancel, Message, Submit, WireError, Wish, decode, encode
from pipelines.filters.words import Step
from pipelines.tasks import (
    SEED_LIMIT,
    Annotate,
    Colour,
    Control,
    Crop,
    Describe,
    Description,
    Edge,
    Edit,
    Embedded,
    Face,
    Filter,
    FirstPass,
    Foreground,
    ImagePrompt,
    ImageToImage,
    Inpaint,
    Lora,
    Object,
    Outpaint,
    Picture,
    Raster,
    Relight,
    RemoveBackground,
    ReplaceBackground,
    RestoredFaces,
    RestoreFaces,
    SearchAndRecolor,
    SearchAndReplace,
    SecondPass,
    Setting,
    Task,
    TextToImage,
    TiledImageToImage,
    Upscale,
    Variation,
)

EVERY_BYTE = Raster(16, 16, bytes(range(256)))
PLAIN = TextToImage("m", "a red star", "", 64, 48, 20, 4.0, "euler", 7)
SAID: dict[str, Any] = {
    "model": "m",
    "prompt": 'quotes " and \\, lines\n, Ünïcode 星 🌟, {"kind": "Cancel"}',
    "negative_prompt": "",
    "width": 64,
    "height": 48,
    "steps": 20,
    "guidance_scale": 7.5,
    "sampler": "euler",
    "seed": SEED_LIMIT - 1,
    "count": 3,
    "guidance_interval": (0.25, 0.75),
    "loras": (Lora("striped"), Lora("soft", -0.5)),
    "variation": Variation(3, 0.1),
    "image_prompts": (ImagePrompt("l", (EVERY_BYTE, EVERY_BYTE), 0.5, 0.1, 0.9), ImagePrompt("l", (EVERY_BYTE,))),
    "controls": (Control("c", EVERY_BYTE, "canny"), Control("d", EVERY_BYTE, "none", 0.5, 0.1, 0.9, "prompt")),
}
INSIDE = Inpaint(**SAID, image=EVERY_BYTE, mask=Raster(2, 1, b"\0\xff"), strength=1.0, mask_blur=4, only_masked=True)
EMBEDDED = Embedded("a star\nSteps: 4", "a star", "", (Setting("Steps", "4"),))
TASKS: list[Task] = [
    PLAIN,
    TextToImage(**SAID, first_pass=FirstPass(64, 64, 5, 0.5)),
    TextToImage(**SAID, first_pass=FirstPass(64, 64, 5, 0.5, SecondPass("other", "a", "b", "ddim", 3.0, (), "net"))),
    ImageToImage(**SAID, image=EVERY_BYTE, strength=0.3, fit="pad"),
    INSIDE,
    Edit(**SAID, image=EVERY_BYTE, image_guidance_scale=1.5),
    Outpaint(**SAID, image=EVERY_BYTE, left=8, top=0, right=16, bottom=1, feather=2),
    TiledImageToImage(**SAID, image=EVERY_BYTE, strength=0.3),
    Upscale(image=EVERY_BYTE, model="m", width=64, height=32, denoise=0.5),
    Upscale(image=EVERY_BYTE, width=64, height=32, over=TiledImageToImage(**SAID, image=EVERY_BYTE, strength=0.3)),
    Filter(image=EVERY_BYTE, steps=(Step("noise", (("intensity", 0.1), ("seed", 7))), Step("invert"))),
    Crop(image=EVERY_BYTE, width=8, height=4, mode="center", focus=(0.0, 1.0), safe_zone=(0.1, 0.2, 0.0, 0.3)),
    Describe(image=EVERY_BYTE),
    Describe(image=EVERY_BYTE, embedded=EMBEDDED),
    Annotate(image=EVERY_BYTE, annotator="depth", model="m"),
    Filter(image=EVERY_BYTE, steps=(Step("invert"),), kept=b"\x89PNG"),
    RemoveBackground(image=EVERY_BYTE, edge=Edge(threshold=0.5, feather=2), background="#ff0000"),
    RestoreFaces(image=EVERY_BYTE, model="m", strength=0.5),
    Upscale(image=EVERY_BYTE, width=64, height=32, faces=RestoreFaces(image=EVERY_BYTE, made_by="m")),
    RemoveBackground(image=EVERY_BYTE, model="m", output="mask", background=EVERY_BYTE, fit="pad"),
    SearchAndRecolor(image=EVERY_BYTE, model="m", words="the star", colour="#00ff00", dilation=3),
    SearchAndReplace(image=EVERY_BYTE, model="m", words="the star", dilation=8, drawn=INSIDE),
    ReplaceBackground(image=EVERY_BYTE, edge=Edge(), background="#ffffff", preserve=0.5),
    Relight(image=EVERY_BYTE, model="m", edge=Edge(feather=1), direction="left", reference=EVERY_BYTE, drawn=INSIDE),
]
PICTURE = Picture(2, 1, b"\0\1\2\3\4\5", 7, (64, 64), "m")
EVENTS: list[Event] = [
    Started("j"),
    Progressed("j", 3, 20),
    Previewed("j", EVERY_BYTE),
    Finished("j", ()),
    Finished("j", (PICTURE, replace(PICTURE, seed=8, pixels=b"\xff" * 6))),
    Finished("j", (replace(PICTURE, seed=None, model=None),)),
    Finished("j", (), Description((Colour("#ff0000", 0.75),), "00ff00ff00ff00ff", 12.5, (Face((1, 2, 3, 4), 0.5),))),
    Finished("j", (), Description((), "00", 0.0, (), (Object("cat", 0.9, (0, 1, 2, 3)),), "a cat", 0.1, 5.5, EMBEDDED)),
    Finished("j", (PICTURE,), Foreground("grabcut", 0.25, (1, 2, 3, 4))),
    Finished("j", (PICTURE,), Foreground("network", 0.0, None)),
    Finished("j", (PICTURE,), RestoredFaces((Face((1, 2, 3, 4), None),), 1, 0)),
    Failed("j", "out_of_memory", "Ask for less."),
    Cancelled("j"),
]
OTHERS: list[Message] = [
    Begin("models.yaml", "models", "cuda:1"),
    Submit("j", PLAIN, Terms("somebody", -1, 1.8e9, previews=True)),
    Cancel("j"),
    Wish("m", loaded=True),
    Health(True, "ready", "cpu", 0.25, ("m", "n"), 3, 4, Counters(1, 2, 0.5, 3, 4, 5, 6, 7, 8)),
    Health(True, "ready", "cpu", 0.25, (), 0, 0, loading=("m", "n"), not_loaded=(("o", "weights_refused", "No."),)),
]


@pytest.mark.parametrize("task", TASKS, ids=lambda task: type(task).__name__)
def test_every_task_comes_back_as_it_was_sent(task: Task) -> None:
    assert decode(encode(Submit("j", task, Terms()))) == Submit("j", task, Terms())


@pytest.mark.parametrize("message", EVENTS + OTHERS, ids=lambda message: type(message).__name__)
def test_every_message_comes_back_as_it_was_sent(message: Message) -> None:
    assert decode(encode(message)) == message


def test_the_tables_above_leave_no_kind_out() -> None:
    assert {type(task) for task in TASKS} == set(get_args(Task))
    assert {type(message) for message in EVENTS + OTHERS} == set(get_args(Message))


def test_pixels_travel_as_they_are() -> None:
    megapixel = b"\x80" * 3_000_000
    assert len(encode(Previewed("j", Raster(1000, 1000, megapixel)))) < len(megapixel) + 1000


def spoken(header: object, rest: bytes = b"") -> bytes:
    text = json.dumps(header).encode()
    return len(text).to_bytes(LENGTH_BYTES) + text + rest


def started(**fields: object) -> bytes:
    return spoken({"kind": "Started", "fields": fields})


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(encode(Started("j"))[:-1], id="a header cut short"),
        pytest.param(encode(Previewed("j", EVERY_BYTE))[:-1], id="pixels cut short"),
        pytest.param(encode(Previewed("j", EVERY_BYTE)) + b"\0", id="a byte too many"),
        pytest.param(encode(Started("j")) * 2, id="two messages"),
        pytest.param(b"\xff" * 64, id="a header of 4 gigabytes"),
        pytest.param(b"\0\0\0\2{]", id="no JSON"),
        pytest.param(b"\0\0\0\2\xff\xff", id="no text"),
        pytest.param(spoken([[]]), id="a list"),
        pytest.param(spoken("Started"), id="a word"),
        pytest.param(spoken({"kind": "Started"}), id="no fields"),
        pytest.param(spoken({"kind": "system", "fields": {}}), id="an unknown kind"),
        pytest.param(spoken({"kind": [], "fields": {}}), id="a kind that is no name"),
        pytest.param(started(), id="a field missing"),
        pytest.param(started(job_id="j", more=1), id="a field too many"),
        pytest.param(started(job_id=7), id="a field of another type"),
        pytest.param(started(job_id={"bytes": -1}), id="bytes of a negative number"),
        pytest.param(started(job_id={"bytes": "1"}), id="bytes of no number"),
        pytest.param(spoken({"kind": "Terms", "fields": {}}), id="a part"),
        pytest.param(spoken({"kind": "Lora", "fields": {"name": "x", "scale": 1.0}}), id="a whole part"),
        pytest.param(spoken(json.loads("[" * 500 + "]" * 500)), id="lists in lists"),
        pytest.param(pickle.dumps(Started("j")), id="a pickle"),
    ],
)
def test_what_is_no_message_is_refused(data: bytes) -> None:
    with pytest.raises(WireError):
        decode(data)
