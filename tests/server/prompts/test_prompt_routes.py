"""Over HTTP: lists of what prompts are made of, better prompts, and files that are read again."""

from typing import Any

import pytest

from tests.server.prompts.chatting import MODEL, ChatServer, chatting, says
from tests.server.serving import Serve, Served

API = "/darkroom/v1"
ENHANCE = f"{API}/prompts/enhance"
LISTS = [
    ("templates", "templates", "linkedin_post"),
    ("templates", "enhancement_templates", "photorealistic"),
    ("styles", "styles", "neon_punk"),
    ("styles", "vocabularies", "lighting"),
    ("formats", "platforms", "instagram"),
    ("personas", "personas", "default"),
    ("presets", "presets", "product_shot"),
]


@pytest.mark.parametrize(("path", "key", "known"), LISTS)
def test_every_list_has_what_comes_along(shared: Served, path: str, key: str, known: str) -> None:
    answer = shared.client.get(f"{API}/{path}")
    assert answer.status_code == 200
    assert known in {entry["id"] for entry in answer.json()[key]}


@pytest.mark.parametrize("path", ["templates", "styles", "formats", "personas", "presets"])
def test_a_list_needs_a_key(shared: Served, path: str) -> None:
    assert shared.client.get(f"{API}/{path}", headers={"Authorization": "Bearer wrong"}).status_code == 401


def test_enhancing_and_reloading_need_a_key(shared: Served) -> None:
    for path in ("enhance", "reload"):
        headers = {"Authorization": "Bearer wrong"}
        assert shared.client.post(f"{API}/prompts/{path}", json={"prompt": "x"}, headers=headers).status_code == 401


def test_templates_are_filtered_searched_and_recommended(shared: Served) -> None:
    def ids(**query: str) -> list[str]:
        return [each["id"] for each in shared.client.get(f"{API}/templates", params=query).json()["templates"]]

    assert ids(platform="x") == ["twitter_post", "twitter_header"]
    assert ids(query="thumbnail") == ["youtube_thumbnail"]
    assert ids(use_case="product showcase", platform="instagram")[0] == "instagram_feed_square"
    assert ids(query="") == ids()
    assert shared.client.get(f"{API}/templates", params={"platform": "moon"}).json()["error"]["field"] == "platform"


def test_formats_have_sizes_and_safe_zones(shared: Served) -> None:
    (platform,) = shared.client.get(f"{API}/formats", params={"platform": "instagram"}).json()["platforms"]
    square = platform["formats"][0]
    assert (square["name"], square["width"], square["ratio"]) == ("Feed Post (Square)", 1080, "1:1")
    assert square["safe_zone"] == {"top": 0.15, "bottom": 0.15, "left": 0.1, "right": 0.1}


def test_the_original_is_kept_and_the_seed_decides(shared: Served) -> None:
    def enhanced(seed: int) -> Any:
        body = {"prompt": "a cat", "template": "photorealistic", "seed": seed, "style": "vintage"}
        return shared.client.post(ENHANCE, json=body).json()

    first = enhanced(1)
    assert first == enhanced(1)
    assert first["original"] == "a cat"
    assert first["prompt"].startswith("a cat, vintage photograph")
    assert (first["enhancer"], first["fell_back"]) == ("rules", None)
    assert len({enhanced(seed)["prompt"] for seed in range(8)}) > 1


@pytest.mark.parametrize(
    ("wrong", "code", "field"),
    [
        ({"prompt": ""}, "body_invalid", "prompt"),
        ({"prompt": 7}, "body_invalid", "prompt"),
        ({"seed": 2**80}, "body_invalid", "seed"),
        ({"max_length": 0}, "body_invalid", "max_length"),
        ({"template": "canary"}, "entry_unknown", "template"),
        ({"style": "canary"}, "entry_unknown", "style"),
        ({"lighting": "canary"}, "entry_unknown", "lighting"),
        ({"camera": ["canary"]}, "body_invalid", "camera"),
        ({"persona": "canary"}, "entry_unknown", "persona"),
        ({"social_template": "canary"}, "entry_unknown", "social_template"),
    ],
)
def test_bad_wishes_are_refused_by_field(shared: Served, wrong: dict[str, Any], code: str, field: str) -> None:
    answer = shared.client.post(ENHANCE, json={"prompt": "a cat"} | wrong)
    assert answer.status_code in (400, 404)
    assert (answer.json()["error"]["code"], answer.json()["error"]["field"]) == (code, field)
    assert "canary" not in answer.text


def test_the_operators_model_enhances_and_its_key_is_told_to_nobody_else(serve: Serve) -> None:
    with chatting(ChatServer(says("a splendid cat"))) as server:
        served = serve(enhancer_url=server.url, enhancer_model=MODEL, enhancer_key="sk-canary")
        answer = served.client.post(ENHANCE, json={"prompt": "a cat"}).json()
        assert (answer["prompt"], answer["enhancer"]) == ("a splendid cat", "chat")
        assert server.keys == ["Bearer sk-canary"]
        server.status, server.body = 500, b"sk-canary: a traceback"
        answer = served.client.post(ENHANCE, json={"prompt": "a cat"})
    assert (answer.json()["enhancer"], answer.json()["fell_back"]) == ("rules", "refused")
    assert "canary" not in answer.text
    assert "canary" not in repr(served.app.state.parts.settings)


def test_a_blocked_prompt_is_not_enhanced(serve: Serve, tmp_path: Any) -> None:
    (tmp_path / "blocked.txt").write_text("grue")
    answer = serve(blocklist=tmp_path / "blocked.txt").client.post(ENHANCE, json={"prompt": "a grue"})
    assert answer.json()["error"]["code"] == "prompt_blocked"


def test_files_are_read_again_when_told_and_a_mistake_changes_nothing(serve: Serve) -> None:
    served = serve()
    folder = served.data / "prompts"
    folder.mkdir()

    def named() -> set[str]:
        return {style["id"] for style in served.client.get(f"{API}/styles").json()["styles"]}

    (folder / "styles.yaml").write_text("felt: {name: Felt, description: Of felt, words: [made of felt]}")
    assert "felt" not in named()
    assert served.client.post(f"{API}/prompts/reload").json()["styles"] == len(named()) == len(named() | {"felt"})
    assert "felt" in named()
    (folder / "styles.yaml").write_text("felt: {name: Felt}")
    answer = served.client.post(f"{API}/prompts/reload")
    assert answer.status_code == 500
    assert "styles.yaml: line 1: felt.description" in answer.json()["error"]["message"]
    assert str(folder) not in answer.text
    assert "felt" in named()
