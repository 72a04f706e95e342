"""The rules add and never take away, the same for the same seed; they take over from a model that fails, and say so."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from pipelines.lora_tags import taken_out
from server.errors import EntryUnknown, PromptBlocked
from server.prompts.blocklist import Blocklist
from server.prompts.chat import MOST_BYTES, Chat
from server.prompts.enhancer import Enhanced, Enhancer
from server.prompts.library import Library
from server.prompts.looks import Looks
from server.prompts.words import words_of
from tests.server.prompts.chatting import MODEL, ChatServer, chatting, says

LIBRARY = Library(Path("nowhere"))
RULES = Enhancer(LIBRARY, Blocklist())
TEMPLATES = tuple(LIBRARY.now.enhancement)


def enhanced(prompt: str, by: Enhancer = RULES, negative: str = "", **said: Any) -> Enhanced:
    said = {"template": "general", "looks": Looks(), "seed": 0, "limit": 4000} | said
    return asyncio.run(by.enhance(prompt, negative, **said))


@given(
    prompt=st.text(max_size=200).filter(str.strip),
    template=st.sampled_from(TEMPLATES),
    seed=st.integers(0, 2**63 - 1),
    limit=st.integers(1, 400),
)
def test_the_rules_keep_every_word_and_stay_within_the_limit(prompt: str, template: str, seed: int, limit: int) -> None:
    once = enhanced(prompt, template=template, seed=seed, limit=limit)
    assert once == enhanced(prompt, template=template, seed=seed, limit=limit)
    assert once.original == prompt
    assert once.prompt.startswith(prompt.rstrip())
    assert len(once.prompt) <= max(limit, len(prompt))
    assert (once.enhancer, once.fell_back) == ("rules", None)


@pytest.mark.parametrize("template", TEMPLATES)
def test_seeds_vary_the_words_and_templates_differ(template: str) -> None:
    variants = {enhanced("a cat", template=template, seed=seed).prompt for seed in range(20)}
    assert len(variants) > 2
    others = {enhanced("a cat", template=other, seed=1).prompt for other in TEMPLATES}
    assert len(others) == len(TEMPLATES)


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("photorealistic", "photorealistic photograph"),
        ("illustration", "illustration"),
        ("minimalist", "simple shapes"),
        ("sticker", "bold outline"),
        ("product", "commercial product photograph"),
        ("comic", "comic book art"),
    ],
)
def test_a_template_says_what_it_is(template: str, words: str) -> None:
    assert words in enhanced("a cat", template=template).prompt


def test_loras_and_weights_stay_as_they_are() -> None:
    prompt = "a (red:1.3) [cat] <lora:ink:0.8>, <lora:wool>"
    for seed in range(10):
        text = enhanced(prompt, template="comic", seed=seed).prompt
        assert text.startswith(prompt)
        assert taken_out(text)[1] == taken_out(prompt)[1]


@pytest.mark.parametrize(
    ("prompt", "kind"),
    [
        ("a cat in candlelight", "lighting"),
        ("a cat, warm golden hour light", "lighting"),
        ("a cat, close-up, 50mm lens", "camera"),
        ("a cat in a muted palette", "colour"),
    ],
)
def test_where_the_prompt_has_spoken_the_rules_are_silent(prompt: str, kind: str) -> None:
    terms = LIBRARY.now.vocabularies[kind].terms.values()
    for template in TEMPLATES:
        for seed in range(5):
            rest = enhanced(prompt, template=template, seed=seed).prompt.removeprefix(prompt)
            assert not [term for term in terms if term in rest]


def test_nothing_is_said_twice() -> None:
    text = enhanced("a photorealistic photograph of a cat", template="photorealistic").prompt
    assert text.count("photorealistic photograph") == 1


def test_the_negative_prompt_keeps_its_words_and_gets_those_of_the_template() -> None:
    negative = enhanced("a cat", negative="dogs, blurry", template="photorealistic").negative_prompt
    assert negative.startswith("dogs, blurry, illustration")
    assert negative.count("blurry") == 1


def test_what_is_chosen_by_name_is_added_by_name() -> None:
    looks = Looks("photorealistic", "impressionist", "golden-hour", "Wide Angle")
    text = enhanced("a garden", looks=looks)
    for words in ("photorealistic, lifelike detail", "impressionist painting", "golden hour light", "wide-angle view"):
        assert words in text.prompt
    assert "cartoon" in text.negative_prompt
    dressed = RULES.dressed("a garden", "", looks, 4000)
    assert text.prompt.startswith(dressed.prompt)
    assert dressed.enhancer is None


@pytest.mark.parametrize(
    ("looks", "style"),
    [
        (Looks(social_template="linkedin_post", persona="professional"), "photographic"),
        (Looks(style="anime", social_template="linkedin_post", persona="professional"), "anime"),
        (Looks(persona="professional"), "corporate"),
    ],
)
def test_one_style_is_drawn_the_callers_before_the_templates_before_the_personas(looks: Looks, style: str) -> None:
    text = RULES.dressed("a desk", "", looks, 4000).prompt
    there = {name for name in ("photographic", "anime", "corporate") if LIBRARY.now.styles[name].words[1] in text}
    assert there == {style}
    assert looks.persona is None or "sober and tidy look" in text


@pytest.mark.parametrize("field", ["style", "artistic", "lighting", "camera", "social_template", "persona"])
def test_a_strange_name_is_refused_by_field(field: str) -> None:
    with pytest.raises(EntryUnknown) as caught:
        enhanced("a cat", looks=Looks(**{field: "no such"}))
    assert caught.value.field == field


def test_the_rules_add_nothing_that_is_blocked_and_ask_for_nothing_that_is() -> None:
    careful = Enhancer(LIBRARY, Blocklist(("bold", "grue")))
    text = enhanced("a cat", careful, template="sticker").prompt
    assert "die-cut sticker" in text
    assert "bold" not in words_of(text)
    with pytest.raises(PromptBlocked):
        enhanced("a grue", careful)


def test_the_model_is_asked_as_the_protocol_wants_and_its_answer_is_taken() -> None:
    with chatting(ChatServer(says("A sleek cat, window light"))) as server:
        text = enhanced("a cat", with_chat(server, SecretStr("sk-x")), template="photorealistic", seed=2**40 + 5)
    assert (text.original, text.prompt) == ("a cat", "A sleek cat, window light")
    assert (text.enhancer, text.fell_back) == ("chat", None)
    assert "illustration" in text.negative_prompt
    (question,) = server.asked
    assert (server.paths, server.keys) == (["/v1/chat/completions"], ["Bearer sk-x"])
    assert (question["model"], question["seed"], question["stream"]) == (MODEL, 5, False)
    assert question["messages"][-1] == {"role": "user", "content": "a cat"}
    assert "photographer" in question["messages"][0]["content"]


@pytest.mark.parametrize(
    ("answer", "prompt"),
    [
        ('  "a better cat"\n', "a better cat"),
        ("<think>hm, a cat?</think>\n\na better cat", "a better cat"),
        ("a better\n\ncat\x07", "a better cat"),
        ("“a better cat”", "a better cat"),
    ],
)
def test_what_a_model_writes_around_its_answer_is_taken_off(answer: str, prompt: str) -> None:
    with chatting(ChatServer(says(answer))) as server:
        assert enhanced("a cat", with_chat(server)).prompt == prompt


def test_tags_stay_here_and_come_back_weights_too() -> None:
    with chatting(ChatServer(says("a splendid cat in the snow"))) as server:
        text = enhanced("a (fat:1.3) cat <lora:ink:0.8>", with_chat(server))
    assert server.asked[0]["messages"][-1]["content"] == "a (fat:1.3) cat"
    assert text.prompt == "a splendid cat in the snow (fat:1.3) <lora:ink:0.8>"


@pytest.mark.parametrize(
    ("server", "reason"),
    [
        (ChatServer(status=500), "refused"),
        (ChatServer(status=401), "refused"),
        (ChatServer(status=307, headers={"location": "/elsewhere"}), "refused"),
        (ChatServer(b"{"), "unreadable"),
        (ChatServer(b'{"choices": []}'), "unreadable"),
        (ChatServer(b'{"choices": [{"message": {"content": null}}]}'), "unreadable"),
        (ChatServer(b'{"choices": [{"message": {"content": "\\ud800"}}]}'), "unreadable"),
        (ChatServer(b"\xff"), "unreadable"),
        (ChatServer(says("")), "empty"),
        (ChatServer(says("...")), "empty"),
        (ChatServer(says("<think>nothing</think>")), "empty"),
        (ChatServer(says("word " * 100)), "too_long"),
        (ChatServer(says("a grue")), "blocked"),
        (ChatServer(b" " * (MOST_BYTES + 1)), "unreachable"),
        (ChatServer(silent=True), "unreachable"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_whatever_the_model_does_the_rules_take_over_and_say_why(server: ChatServer, reason: str) -> None:
    blocklist = Blocklist(("grue",))
    expected = enhanced("a cat", Enhancer(LIBRARY, blocklist), limit=300)
    with chatting(server):
        chat = Chat(server.url, MODEL, None, seconds=0.5 if server.silent else 30)
        text = enhanced("a cat", Enhancer(LIBRARY, blocklist, chat), limit=300)
    assert (text.enhancer, text.fell_back) == ("rules", reason)
    assert (text.prompt, text.negative_prompt) == (expected.prompt, expected.negative_prompt)
    assert server.paths == ["/v1/chat/completions"]


def test_a_server_that_is_not_there_costs_the_rules_nothing() -> None:
    with chatting(ChatServer()) as server:
        pass
    text = enhanced("a cat", with_chat(server))
    assert (text.prompt, text.fell_back) == (enhanced("a cat").prompt, "unreachable")


def test_a_blocked_prompt_never_reaches_the_model() -> None:
    with chatting(ChatServer()) as server:
        by = Enhancer(LIBRARY, Blocklist(("grue",)), Chat(server.url, MODEL, None))
        with pytest.raises(PromptBlocked):
            enhanced("a grue", by)
    assert server.asked == []


def with_chat(server: ChatServer, key: SecretStr | None = None) -> Enhancer:
    return Enhancer(LIBRARY, Blocklist(), Chat(server.url, MODEL, key))


@pytest.mark.parametrize("prompt", [":" + "1" * 3999, "(" * 4000, "(a:" * 1300, "<" * 4000, ": " * 2000])
def test_no_prompt_makes_the_rules_hang(prompt: str) -> None:
    """pytest's time limit is what would tell."""
    assert enhanced(prompt + " cat", Enhancer(LIBRARY, Blocklist(("grue", "/gr.e/")))).prompt.startswith(prompt)
