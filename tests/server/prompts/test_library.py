"""What comes along holds together and has what the APIs name; the operator's files change all of it or nothing."""

from pathlib import Path

import pytest

from pipelines.errors import CatalogInvalid
from server.errors import EntryUnknown
from server.prompts.library import OURS, Library
from server.prompts.places import Sized

FILES = ("enhancement", "styles", "vocabularies", "formats", "templates", "personas", "presets")


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path)


def test_every_file_has_its_place_in_the_content(library: Library) -> None:
    assert sorted(path.stem for path in OURS.iterdir()) == sorted(FILES)
    assert all(getattr(library.now, name) for name in FILES)


def test_the_documented_names_are_there(library: Library) -> None:
    """Those that the API documents use in their tables and examples."""
    now = library.now
    for template in "general photorealistic illustration minimalist sticker product comic".split():
        now.enhancement_template(template)
    assert now.style("photorealistic")
    assert now.style("photographic")
    assert now.term("artistic", "impressionist")
    assert now.term("lighting", "golden_hour")
    assert now.term("camera", "wide_angle")
    for platform in "instagram facebook twitter x linkedin youtube pinterest tiktok".split():
        now.platform(platform)


def test_the_documented_examples_are_answered_as_documented(library: Library) -> None:
    now = library.now
    square = now.template("instagram_feed_square")
    assert (square.name, square.category, square.platform) == (
        "Instagram Feed Post (Square)", "social_media", "instagram",
    )  # fmt: skip
    assert (square.ratio, square.width, square.height, square.label) == ("1:1", 1080, 1080, "Square")
    assert (square.style, square.quality) == ("photographic", "premium")
    assert square.use_cases == ("Product showcase", "Lifestyle posts", "Brand content")
    linkedin = now.template("linkedin_post")
    assert (linkedin.name, linkedin.width, linkedin.height) == ("LinkedIn Post", 1200, 628)
    instagram = now.platform("instagram")
    assert (instagram.name, instagram.file_types, instagram.max_file_mb) == ("Instagram", ("JPG", "PNG"), 30)
    feed = instagram.format("Feed Post (Square)")
    assert feed is not None
    assert feed.safe_zone.model_dump() == {"top": 0.15, "bottom": 0.15, "left": 0.1, "right": 0.1}
    assert (feed.width, feed.height, feed.ratio, feed.file_type, feed.max_size_mb) == (1080, 1080, "1:1", "PNG", 5)
    facebook = now.platform("facebook").format("Feed Post")
    assert facebook is not None
    assert (facebook.width, facebook.height) == (1200, 630)
    assert now.platform("linkedin").format("Post") is not None


def test_a_safe_zone_leaves_something_and_a_file_fits_its_platform(library: Library) -> None:
    for platform in library.now.formats.values():
        for format_ in platform.formats.values():
            zone = format_.safe_zone
            assert zone.top + zone.bottom < 1
            assert zone.left + zone.right < 1
            assert format_.max_size_mb <= platform.max_file_mb
            assert format_.file_type in platform.file_types


@pytest.mark.parametrize("name", ["neon_punk", "neon-punk", "Neon Punk", " NEON-PUNK "])
def test_a_name_is_known_however_it_is_written(library: Library, name: str) -> None:
    assert library.now.style(name).name == "Neon punk"


@pytest.mark.parametrize(
    ("ask", "field"),
    [
        (lambda now: now.style("no such"), "style"),
        (lambda now: now.term("lighting", "no such"), "lighting"),
        (lambda now: now.enhancement_template("no such"), "template"),
        (lambda now: now.template("no such"), "social_template"),
        (lambda now: now.persona("no such"), "persona"),
        (lambda now: now.preset("no such"), "preset"),
        (lambda now: now.platform("no such"), "platform"),
    ],
)
def test_what_is_not_there_is_an_error_that_blames_the_field(library: Library, ask, field: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(EntryUnknown) as caught:
        ask(library.now)
    assert caught.value.field == field
    assert "no such" not in caught.value.sentence


def test_the_operator_replaces_and_adds(library: Library, tmp_path: Path) -> None:
    styles = len(library.now.styles)
    (tmp_path / "styles.yaml").write_text(
        "anime: {name: Ours, description: Another, words: [our anime]}\n"
        "woodcut: {name: Woodcut, description: Cut in wood, words: [woodcut print]}\n"
    )
    assert library.now.style("anime").name == "Anime"
    library.reload()
    assert library.now.style("anime").words == ("our anime",)
    assert library.now.style("woodcut").name == "Woodcut"
    assert len(library.now.styles) == styles + 1


def test_the_operator_adds_single_terms_to_a_vocabulary(library: Library, tmp_path: Path) -> None:
    (tmp_path / "vocabularies.yaml").write_text(
        "lighting: {description: Light, signs: [torch], terms: {neon: our neon, torch: light of a torch}}\n"
    )
    library.reload()
    lighting = library.now.vocabularies["lighting"]
    assert (lighting.terms["neon"], lighting.terms["torch"]) == ("our neon", "light of a torch")
    assert lighting.terms["golden_hour"] == "warm golden hour light"
    assert {"torch", "sunset"} <= set(lighting.signs)


MISTAKES = [
    ("styles", "anime: {name: Anime}", r"styles\.yaml: line 1: anime\.description"),
    ("styles", "anime:\n  name: A\n  description: B\n  colour: red", r"styles\.yaml: line 4: anime\.colour"),
    ("styles", "Anime!: {name: A, description: B}", r"styles\.yaml: line 1: Anime!"),
    ("styles", "anime: {name: A, description: B, words: ['<script>']}", r"anime\.words\.0"),
    ("styles", "a: {name: A, description: B}\na: {name: A, description: B}", "appears twice"),
    ("styles", "[", "not YAML"),
    ("styles", "", r"styles\.yaml"),
    ("personas", "dull: {name: A, description: B, style: missing}", r"personas\.yaml: dull\.style: there is no such"),
    ("enhancement", "odd: {name: A, description: B, best_for: C, guide: D, choices: [{vocabulary: lighting, "
     "terms: [missing]}]}", r"enhancement\.yaml: odd\.choices\.0"),
    ("formats", "here: {name: H, file_types: [PNG], max_file_mb: 1, formats: {a: {name: A, width: 100, height: 100, "
     "ratio: '4:3', max_size_mb: 1}}}", r"here\.formats\.a: 100x100 is not 4:3"),
    ("templates", "there: {name: T, category: c, platform: missing, width: 64, height: 64, ratio: '1:1', label: L, "
     "description: D, style: anime}", r"templates\.yaml: there\.platform"),
    ("presets", "one: {name: O, description: D, prompt: 'a {{thing}}'}", r"presets\.yaml: line 1: one: .*thing"),
]  # fmt: skip


@pytest.mark.parametrize(("file", "content", "told"), MISTAKES)
def test_a_mistake_names_file_and_field_and_leaves_everything_as_it_was(
    library: Library, tmp_path: Path, file: str, content: str, told: str
) -> None:
    (tmp_path / "styles.yaml").write_text("mine: {name: Mine, description: My own}")
    library.reload()
    before = library.now
    (tmp_path / "personas.yaml").write_text("late: {name: Late, description: Never in force}")
    (tmp_path / f"{file}.yaml").write_text(content)
    with pytest.raises(CatalogInvalid, match=told):
        library.reload()
    assert library.now is before
    assert "mine" in library.now.styles
    assert "late" not in library.now.personas


def test_a_ratio_is_what_the_sides_say() -> None:
    assert Sized(width=1200, height=628, ratio="1.91:1")
    with pytest.raises(ValueError, match="is not"):
        Sized(width=1200, height=700, ratio="1.91:1")
