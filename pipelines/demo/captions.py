"""Scenes to sentences: many forms, and noise around them, so that the shapes models obey through prompt enhancement."""

import string
from random import Random

from pipelines.demo.world import Scene, Thing

FORMS = (
    "{a_thing} {place} on {a_background} background",
    "{a_thing} {place}, {background} background",
    "{background} background, {a_thing} {place}",
    "on {a_background} background, {a_thing} {place}",
    "{thing}, {place}, {background} background",
    "{place} there is {a_thing}, the background is {background}",
    "{a_background} background with {a_thing} {place}",
    "{a_thing} against {a_background} backdrop, {place}",
    "{a_size_shape} in {colour} {place}, behind it everything is {background}",
    "the {shape} is {colour}, it is {size} and {place}, on {background}",
)
PAIR_FORMS = (
    "{a_first} {relation} {a_second} on {a_background} background",
    "{a_first} {relation} {a_second}, {background} background",
    "on {a_background} background, {a_first} {relation} {a_second}",
    "{background} background, {a_first} {relation} {a_second}",
    "{a_background} background with {a_first} {relation} {a_second}",
    "{first} {relation} {second}, {background} background",
)
# Forms that leave things out: what is not said is free (colours, shape) or usual (medium, in the middle).
SPARSE_FORMS = (
    "{a_thing}",
    "{a_colour_shape}",
    "{shape}",
    "{colour}",
    "{a_thing} {place}",
    "{colour} {shape} on {background}",
    "{background} background",
)

SIZE_WORDS = {
    "small": ("small", "small", "tiny", "little"),
    "medium": ("", "", "", "medium"),
    "big": ("big", "big", "large", "huge"),
}
PLACE_WORDS = {
    "middle": ("in the middle", "in the middle", "in the center", "in the centre", ""),
    "left": ("on the left", "on the left", "at the left", "on the left side"),
    "right": ("on the right", "on the right", "at the right", "on the right side"),
    "top": ("at the top", "at the top", "on top", "at the upper edge"),
    "bottom": ("at the bottom", "at the bottom", "at the lower edge"),
}
PREFIXES = (
    "a picture of", "a photo of", "an image of", "a drawing of", "an illustration of", "a painting of",
    "masterpiece, best quality,", "please draw", "flat design,", "a render of", "minimalist,",
)  # fmt: skip
STYLE_WORDS = (
    "masterpiece best quality highly detailed ultra sharp focus professional photograph cinematic lighting dramatic "
    "soft volumetric light natural warm cool tones vibrant colors muted palette intricate elegant smooth clean crisp "
    "lines minimalist flat vector design poster art digital painting oil watercolor sketch illustration concept "
    "trending artstation 8k 4k uhd hdr raw photo realistic photorealistic hyperrealistic render octane unreal engine "
    "depth of field bokeh macro wide angle lens 35mm film grain studio rim lit golden hour sunset morning mist "
    "award winning composition symmetrical balanced rule thirds modern vintage retro style aesthetic beautiful "
    "stunning epic fantasy dreamy ethereal atmospheric moody bright high contrast texture surface glossy matte "
    "simple geometric abstract shape object scene picture image view with and in the by very extremely"
).split()


# Words of noise: captions of the first fit into one chunk of 75 tokens, those of the second fill two.
LITTLE_NOISE = (0, 0, 0, 2, 5, 12, 24)
MUCH_NOISE = (40, 60, 70)


def caption(scene: Scene, random: Random, *, long: bool = False) -> str:
    """One of many sentences for a scene, plain or with noise around it; `long` ones drown in it."""
    return drown(sentence(scene, random), random, random.choice(MUCH_NOISE if long else LITTLE_NOISE))


def sentence(scene: Scene, random: Random, form: str | None = None) -> str:
    """The scene in plain words that name every attribute, in a form of FORMS (or PAIR_FORMS)."""
    words = _pair_words(scene, random) if scene.relation else _words(scene, random)
    if form is None:
        form = random.choice(PAIR_FORMS if scene.relation else FORMS)
    text = " ".join(form.format(**words).split())
    return text.replace(" ,", ",").strip(" ,").replace("it is and", "it is")


def sparse_sentence(scene: Scene, random: Random) -> tuple[str, frozenset[str]]:
    """A short sentence that leaves attributes out, and the names of those it leaves to chance."""
    form = random.choice(SPARSE_FORMS)
    said = {name for name in ("background", "colour", "shape", "size", "place") if "{" + name in form}
    if "{a_thing}" in form:
        said |= {"colour", "shape", "size"}
    if "{a_colour_shape}" in form:
        said |= {"colour", "shape"}
    free = frozenset({"background", "colour", "shape", "size", "place"} - said)
    return sentence(scene, random, form), free


def drown(text: str, random: Random, words: int) -> str:
    """The sentence with about `words` noise words around it: styles, and words that mean nothing."""
    if not words:
        return text if random.random() < 0.7 else f"{random.choice(PREFIXES)} {text}"
    noise = [_noise_word(random) for _ in range(random.randint(max(1, words // 2), words))]
    if random.random() < 0.5:
        noise = [word + "," if random.random() < 0.4 else word for word in noise]
    before = random.choice((0, 0, 0, min(3, len(noise)), len(noise) // 3))
    head, tail = " ".join(noise[:before]), " ".join(noise[before:])
    if random.random() < 0.3:
        text = f"{random.choice(PREFIXES)} {text}"
    joined = f"{head}, {text}, {tail}" if head else f"{text}{random.choice((', ', ' ', '. '))}{tail}"
    return joined.strip(" ,")


def _noise_word(random: Random) -> str:
    if random.random() < 0.88:
        return random.choice(STYLE_WORDS)
    return "".join(random.choices(string.ascii_lowercase, k=random.randint(3, 8)))


def _words(scene: Scene, random: Random) -> dict[str, str]:
    (thing,) = scene.things
    size = random.choice(SIZE_WORDS[thing.size])
    colour = _colour(thing.colour, random)
    background = _colour(scene.background, random)
    name = f"{size} {colour} {thing.shape}".strip()
    return {
        "thing": name,
        "a_thing": _with_article(name),
        "a_colour_shape": _with_article(f"{colour} {thing.shape}"),
        "a_size_shape": _with_article(f"{size} {thing.shape}".strip()),
        "shape": thing.shape,
        "colour": colour,
        "size": size,
        "place": random.choice(PLACE_WORDS[thing.place]),
        "background": background,
        "a_background": _with_article(background),
    }


def _pair_words(scene: Scene, random: Random) -> dict[str, str]:
    first, second = (_pair_name(thing, random) for thing in scene.things)
    background = _colour(scene.background, random)
    return {
        "first": first,
        "second": second,
        "a_first": _with_article(first),
        "a_second": _with_article(second),
        "relation": (scene.relation or "").replace("left of", random.choice(("left of", "to the left of")))
        .replace("right of", random.choice(("right of", "to the right of"))),
        "background": background,
        "a_background": _with_article(background),
    }  # fmt: skip


def _pair_name(thing: Thing, random: Random) -> str:
    return f"{_colour(thing.colour, random)} {thing.shape}"


def _colour(name: str, random: Random) -> str:
    return random.choice(("gray", "grey")) if name == "gray" else name


def _with_article(name: str) -> str:
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"
