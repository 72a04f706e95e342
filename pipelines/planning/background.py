"""What stands out in a picture before another background, or in another light, as complete Tasks."""

from typing import Any

from pipelines.catalog import Catalog
from pipelines.errors import TaskRefused
from pipelines.limits import check_name, check_range
from pipelines.planning.finding import inpaint_later
from pipelines.planning.installed import matting_network
from pipelines.planning.pictures import WHOLE_EDGE, behind
from pipelines.tasks import FITS, LIGHT_DIRECTIONS, Edge, Raster, Relight, ReplaceBackground

PRESERVED = 0.6
RELIGHT_STRENGTH = 0.35  # more, and what is lit becomes something else


def replace_background(
    catalog: Catalog,
    *,
    image: Raster,
    background: Raster | str | None = None,
    fit: str = "crop",
    matting: str | None = None,
    method: str | None = None,
    edge: Edge = WHOLE_EDGE,
    preserve_subject: float = PRESERVED,
    strength: float | None = None,
    prompt: str = "",
    **drawn: Any,
) -> ReplaceBackground:
    """background: a picture or a colour, or None for one that is drawn as the prompt says.

    strength: of the drawing, as in `inpaint`. A given background is drawn over together with the foreground for 0.3 or
    so, of which preserve_subject is blended back; None is not at all. matting, method: see `remove_background`.
    Raises ModelUnknown, ModelNotInstalled, and TaskRefused with a sentence that says what would do; so does `relight`.
    """
    check_name(fit, FITS, "fit")
    check_range(preserve_subject, 0, 1, "preserve_subject")
    if background is None and not prompt.strip():
        raise TaskRefused("Say what the background is to be: a picture, a colour, or a prompt for one.", field="prompt")
    is_drawn = background is None or bool(strength)
    return ReplaceBackground(
        image=image,
        model=matting_network(catalog, matting, method, "matting"),
        edge=edge,
        background=behind(background),
        fit=fit,
        preserve=1.0 if background is None else preserve_subject,
        drawn=inpaint_later(catalog, image, prompt=prompt, strength=strength, **drawn) if is_drawn else None,
    )


def relight(
    catalog: Catalog,
    *,
    image: Raster,
    background: Raster | str | None = None,
    fit: str = "crop",
    light_direction: str | None = None,
    light_reference: Raster | None = None,
    light_strength: float = 0.5,
    matting: str | None = None,
    method: str | None = None,
    edge: Edge = WHOLE_EDGE,
    preserve_subject: float = PRESERVED,
    strength: float | None = None,
    prompt: str = "",
    **drawn: Any,
) -> Relight:
    """The light is that of the prompt, of a direction, of a reference picture, of a new background, or of several.

    strength: of the drawing over; None is little where there is a prompt, and none without: then nothing is drawn.
    """
    check_name(fit, FITS, "fit")
    if light_direction is not None:
        check_name(light_direction, LIGHT_DIRECTIONS, "light_direction")
    check_range(light_strength, 0, 1, "light_strength")
    check_range(preserve_subject, 0, 1, "preserve_subject")
    if not prompt.strip() and background is None and light_direction is None and light_reference is None:
        raise TaskRefused(
            "Say how it is to be lit: by a prompt, light_direction, light_reference or a background.", field="prompt"
        )
    if strength is None:
        strength = RELIGHT_STRENGTH if prompt.strip() else 0.0
    return Relight(
        image=image,
        model=matting_network(catalog, matting, method, "matting"),
        edge=edge,
        background=behind(background),
        fit=fit,
        direction=light_direction,
        reference=light_reference,
        light=light_strength,
        preserve=preserve_subject,
        drawn=inpaint_later(catalog, image, prompt=prompt, strength=strength, **drawn) if strength else None,
    )
