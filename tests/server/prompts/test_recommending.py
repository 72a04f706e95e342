"""Templates are found by platform, category and words, and recommended for what they are meant for."""

from pathlib import Path

import pytest

from server.errors import EntryUnknown
from server.prompts.finding import of_kind, recommended, searched
from server.prompts.library import Library

CONTENT = Library(Path("nowhere")).now
ALL = of_kind(CONTENT)


def test_filters_leave_what_they_name() -> None:
    instagram = of_kind(CONTENT, "Instagram")
    assert next(iter(instagram)) == "instagram_feed_square"
    assert len(instagram) == 4
    assert {template.platform for template in of_kind(CONTENT, "X").values()} == {"twitter"}
    assert {template.category for template in of_kind(CONTENT, category="blog_content").values()} == {"blog_content"}
    assert of_kind(CONTENT, "linkedin", "blog_content").keys() == {"linkedin_article_cover"}
    assert of_kind(CONTENT, category="no such") == {}
    with pytest.raises(EntryUnknown):
        of_kind(CONTENT, "no such")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("linkedin", {"linkedin_post", "linkedin_post_square", "linkedin_article_cover"}),
        ("LINKEDIN square", {"linkedin_post_square"}),
        ("thumb", {"youtube_thumbnail"}),
        ("linkedin_post square", {"linkedin_post_square"}),
        ("zeppelin", set()),
    ],
)
def test_every_word_of_a_query_is_found(query: str, found: set[str]) -> None:
    assert searched(ALL, query).keys() == found


@pytest.mark.parametrize(
    ("use_case", "platform", "first"),
    [
        ("product showcase", "instagram", "instagram_feed_square"),
        ("a newsletter by email", None, "email_header"),
        ("newsletters", "email", "email_header"),
        ("recipes", None, "pinterest_pin"),
        ("a logo for my band", None, "logo_square"),
        ("behind the scenes", None, "instagram_story"),
    ],
)
def test_what_is_recommended_first_is_meant_for_it(use_case: str, platform: str | None, first: str) -> None:
    assert next(iter(recommended(of_kind(CONTENT, platform), use_case)), None) == first


def test_nothing_is_recommended_for_words_that_nobody_knows() -> None:
    assert recommended(ALL, "zeppelin") == {}
