"""Forms become what JSON would have said, and what is no form is refused with a sentence."""

import base64
from typing import Any

import anyio
import httpx
import pytest
from fastapi import Request

from server.dialects.openai.asked import Edit
from server.errors import BodyInvalid
from server.http.forms import MOST_FIELDS, MOST_FILES, described_form, read_form

ADDRESS = "http://127.0.0.1/"
PICTURE = b"\x89PNG and so on"
ENCODED = base64.b64encode(PICTURE).decode()


def read(content: bytes, headers: dict[str, str], most_bytes: int = 1000) -> dict[str, Any]:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": content, "more_body": False}

    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    request = Request({"type": "http", "method": "POST", "headers": raw}, receive)
    return anyio.run(read_form, request, most_bytes)


def sent(fields: list[tuple[str, Any]]) -> dict[str, Any]:
    """Text as fields and bytes as files, as httpx writes them."""
    parts = [(name, (None, item) if isinstance(item, str) else ("star.png", item)) for name, item in fields]
    request = httpx.Request("POST", ADDRESS, files=parts)
    return read(request.read(), dict(request.headers))


@pytest.mark.parametrize(
    ("fields", "value"),
    [
        pytest.param([("n", "2"), ("prompt", "a sta\u00df")], {"n": "2", "prompt": "a sta\u00df"}, id="plain fields"),
        pytest.param([("image", PICTURE)], {"image": ENCODED}, id="a file"),
        pytest.param([("image[]", PICTURE)], {"image": [ENCODED]}, id="one in brackets"),
        pytest.param([("image[]", PICTURE), ("image[]", b"b")], {"image": [ENCODED, "Yg=="]}, id="two in brackets"),
        pytest.param([("image", PICTURE), ("image", b"b")], {"image": [ENCODED, "Yg=="]}, id="one name twice"),
        pytest.param([("variation[seed]", "3")], {"variation": {"seed": "3"}}, id="an object"),
        pytest.param(
            [("loras[][name]", "a"), ("loras[][scale]", "1"), ("loras[][name]", "b")],
            {"loras": [{"name": "a", "scale": "1"}, {"name": "b"}]},
            id="a list of objects",
        ),
        pytest.param(
            [("p[][model]", "m"), ("p[][images][]", "a"), ("p[][images][]", "b"), ("p[][model]", "n")],
            {"p": [{"model": "m", "images": ["a", "b"]}, {"model": "n"}]},
            id="lists in a list of objects",
        ),
        pytest.param([("seed", ""), ("mask", b"")], {}, id="what is empty is absent"),
        pytest.param([("a[b", "1"), ("[]", "2")], {"a[b": "1", "[]": "2"}, id="strange names"),
        pytest.param([("a" + "[b]" * 6, "1")], {"a" + "[b]" * 6: "1"}, id="nested too deep is a strange name"),
    ],
)
def test_a_form_says_what_json_would(fields: list[tuple[str, Any]], value: dict[str, Any]) -> None:
    assert sent(fields) == value


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        pytest.param(b'{"prompt": "a star"}', "application/json", id="JSON"),
        pytest.param(b"prompt=a+star", "application/x-www-form-urlencoded", id="another form"),
        pytest.param(b"--x\r\n", "multipart/form-data", id="no boundary"),
        pytest.param(b"nonsense", "multipart/form-data; boundary=x", id="no form at all"),
        pytest.param(
            b"--x\r\n\r\nno name\r\n--x--\r\n", "multipart/form-data; boundary=x", id="a field without a name"
        ),
        pytest.param(b"", "", id="nothing"),
    ],
)
def test_what_is_no_form_is_refused(content: bytes, kind: str) -> None:
    with pytest.raises(BodyInvalid, match=r"\.$"):
        read(content, {"content-type": kind})


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param([("n", "1")] * (MOST_FIELDS + 1), id="too many fields"),
        pytest.param([("image", PICTURE)] * (MOST_FILES + 1), id="too many files"),
        pytest.param([("prompt", "a" * 1001)], id="too long a field"),
        pytest.param([("a", "1"), ("a[]", "2")], id="a value and a list"),
        pytest.param([("a[]", "1"), ("a[b]", "2")], id="a list and an object"),
        pytest.param([("a[b]", "1"), ("a[b][c]", "2")], id="a value and an object, further inside"),
    ],
)
def test_a_form_beyond_its_bounds_is_refused(fields: list[tuple[str, Any]]) -> None:
    with pytest.raises(BodyInvalid, match=r"\.$"):
        sent(fields)


def test_the_description_shows_files_and_leaves_out_what_is_nested() -> None:
    content = described_form(Edit, {"prompt": "a star"})["requestBody"]["content"]["multipart/form-data"]
    fields = content["schema"]["properties"]
    assert fields["image"]["format"] == fields["mask"]["format"] == fields["image[]"]["items"]["format"] == "binary"
    assert fields["n"]["type"] == "integer"
    assert "loras" not in fields
    assert set(content["schema"]["required"]) <= set(fields)
