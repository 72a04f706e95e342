"""A preset says what it needs, gets exactly that into its words, and executes nothing."""

from typing import Any

import pytest
from pydantic import ValidationError

from server.errors import VariableWrong
from server.prompts.presets import Preset

SHOT = Preset.model_validate({
    "name": "Shot",
    "description": "For tests",
    "prompt": "photo of {{ thing }}, {{place}}, {{light}} light, {{count}} of them",
    "negative_prompt": "no {{thing}}",
    "requirements": {
        "thing": {"label": "Thing", "max_length": 30},
        "place": {"label": "Place", "required": False},
        "light": {"type": "choice", "label": "Light", "options": ["soft", "hard"], "default": "soft"},
        "count": {"type": "number", "label": "Count", "min": 1, "max": 9, "default": 1},
        "photo": {"type": "file", "label": "Photo", "required": False},
        "more": {"type": "file", "label": "More", "required": False, "multiple": True},
    },
})  # fmt: skip


@pytest.mark.parametrize(
    ("variables", "prompt"),
    [
        ({"thing": "a cup"}, "photo of a cup, soft light, 1 of them"),
        ({"thing": "a cup", "place": None}, "photo of a cup, soft light, 1 of them"),
        ({"thing": "a cup", "place": "outside", "light": "hard", "count": 3.0},
         "photo of a cup, outside, hard light, 3 of them"),
        ({"thing": "a ,, cup"}, "photo of a ,, cup, soft light, 1 of them"),
        ({"thing": "a cup", "place": "here", "count": 2.5}, "photo of a cup, here, soft light, 2.5 of them"),
        ({"thing": "{{place}}", "place": "{{thing}}"}, "photo of {{place}}, {{thing}}, soft light, 1 of them"),
        ({"thing": "{0.__class__} ${x} %s \\1", "place": "a"},
         "photo of {0.__class__} ${x} %s \\1, a, soft light, 1 of them"),
        ({"thing": "รองเท้าวิ่ง", "place": "a"}, "photo of รองเท้าวิ่ง, a, soft light, 1 of them"),
    ],
)  # fmt: skip
def test_variables_go_where_they_belong_and_are_not_looked_at_again(variables: dict[str, Any], prompt: str) -> None:
    rendered = SHOT.render(variables)
    assert rendered.prompt == prompt
    assert rendered.negative_prompt == f"no {variables['thing']}"


@pytest.mark.parametrize(
    ("variables", "field"),
    [
        ({}, "thing"),
        ({"thing": ""}, "thing"),
        ({"thing": "  "}, "thing"),
        ({"thing": 7}, "thing"),
        ({"thing": "x" * 31}, "thing"),
        ({"thing": "a\nb"}, "thing"),
        ({"thing": "a\x00b"}, "thing"),
        ({"thing": ["a"]}, "thing"),
        ({"thing": "secret", "light": "secret"}, "light"),
        ({"thing": "secret", "light": []}, "light"),
        ({"thing": "secret", "count": 0}, "count"),
        ({"thing": "secret", "count": 10}, "count"),
        ({"thing": "secret", "count": "3"}, "count"),
        ({"thing": "secret", "count": True}, "count"),
        ({"thing": "secret", "count": float("nan")}, "count"),
        ({"thing": "secret", "count": 10**400}, "count"),
        ({"thing": "secret", "secret": 1}, None),
        ({"thing": "secret", "photo": "secret"}, None),
    ],
)
def test_a_missing_or_wrong_value_is_an_error_that_names_it_and_does_not_repeat_it(
    variables: dict[str, Any], field: str | None
) -> None:
    with pytest.raises(VariableWrong) as caught:
        SHOT.render(variables)
    assert caught.value.field == field
    assert field is None or f"`{field}`" in caught.value.sentence
    assert "secret" not in caught.value.sentence


def test_what_the_caller_wrote_beside_it_follows() -> None:
    assert (
        SHOT.render({"thing": "a cup"}, prompt=" steaming ").prompt == "photo of a cup, soft light, 1 of them, steaming"
    )


def test_pictures_come_by_name_and_several_only_where_several_may() -> None:
    assert SHOT.render({"thing": "a cup"}, {"more": 3, "photo": 1}).files == ("photo", "more")
    for files in ({"photo": 2}, {"thing": 1}, {"strange": 1}):
        with pytest.raises(VariableWrong):
            SHOT.render({"thing": "a cup"}, files)


def test_a_picture_that_is_required_is_missed() -> None:
    fields = {"photo": {"type": "file", "label": "Photo"}}
    preset = Preset.model_validate({"name": "P", "description": "D", "prompt": "like it", "requirements": fields})
    assert preset.render({}, {"photo": 1}).files == ("photo",)
    with pytest.raises(VariableWrong, match="`photo` is missing"):
        preset.render({})


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"prompt": "a {{thing}}"}, "no requirement for the variable thing"),
        ({"prompt": "a {{thing"}, "is written"),
        ({"prompt": "a {{thing.name}}"}, "is written"),
        ({"prompt": "a {{Thing}}"}, "is written"),
        ({"prompt": "{{f}}", "requirements": {"f": {"type": "file", "label": "F"}}}, "among words"),
        ({"requirements": {"c": {"type": "choice", "label": "C"}}}, "needs options"),
        ({"requirements": {"c": {"label": "C", "options": ["a"]}}}, "needs options"),
        ({"requirements": {"c": {"label": "C", "min": 1}}}, "only a number"),
        ({"requirements": {"c": {"label": "C", "multiple": True}}}, "only of files"),
        ({"requirements": {"c": {"type": "number", "label": "C", "min": 2, "default": 1}}}, "the default"),
        ({"requirements": {"c": {"type": "choice", "label": "C", "options": ["a"], "default": "b"}}}, "the default"),
        ({"requirements": {"c": {"type": "colour", "label": "C"}}}, "Input should be"),
        ({"requirements": {"c" * 65: {"label": "C"}}}, "pattern"),
    ],
)
def test_a_preset_that_cannot_work_is_refused_when_it_is_read(fields: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        Preset.model_validate({"name": "P", "description": "D", "prompt": "a"} | fields)


def test_every_preset_that_comes_along_renders_with_what_it_asks_for(tmp_path: Any) -> None:
    from server.prompts.library import Library

    for preset in Library(tmp_path).now.presets.values():
        needed = {name: one for name, one in preset.requirements.items() if one.required and one.default is None}
        rendered = preset.render({name: "a teapot" for name, one in needed.items() if one.type == "text"})
        assert "{{" not in rendered.prompt + rendered.negative_prompt
        assert ("teapot" in rendered.prompt) is any(one.type == "text" for one in needed.values())
