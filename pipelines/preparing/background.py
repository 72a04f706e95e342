"""From a foreground and its mask to the picture before another background or in another light, or to its drawing."""

import cv2
import numpy as np
from PIL import Image, ImageOps

from pipelines.canvas import picture_of
from pipelines.colours import colour_of
from pipelines.engine.running import Made
from pipelines.errors import NothingFound
from pipelines.lighting import lit_from, lit_like
from pipelines.matting.cutout import Matte, bounds, cut_out, on_colour, on_picture, with_edge
from pipelines.preparing.finding import drawn_in, share_of
from pipelines.preparing.host import made
from pipelines.sizes import UNIT
from pipelines.tasks import Foreground, Raster, Relight, ReplaceBackground, Task

HELD_SHARE = 128  # of the longer side: a latent's width in the pictures of a megapixel that large ones are drawn as


def replaced(image: Image.Image, matte: Matte, task: ReplaceBackground) -> Made | Task:
    """The result, or the inpainting that makes it; its soft mask blends the foreground back. Raises NothingFound."""
    cutout = cut_out(image, with_edge(image, matte.mask, task.edge))
    alpha = cutout.getchannel("A")
    if bounds(alpha) is None:
        raise NothingFound("Nothing in the picture stands out from its background.", field="image")
    if isinstance(task, Relight):
        scene = _relit(image, cutout, task)
    elif task.background is None:  # the old one stays where it is drawn anew, but not at the foreground's edge
        scene = Image.composite(cutout, image.convert("RGBA"), alpha.point(lambda level: 255 if level else 0))
    else:
        scene = in_front(cutout, task.background, task.fit)
    if task.drawn:
        is_new = task.background is None and not isinstance(task, Relight)
        return drawn_in(task.drawn, scene, ImageOps.invert(alpha) if is_new else _drawn_over(alpha, task.preserve))
    return made(scene, task, Foreground(matte.method, share_of(alpha), bounds(alpha)))


def in_front(cutout: Image.Image, background: Raster | str, fit: str) -> Image.Image:
    """RGB: a cut-out, RGBA, in front of a picture or a colour."""
    if isinstance(background, str):
        return on_colour(cutout, colour_of(background, "background"))
    return on_picture(cutout, picture_of(background), fit)


def _drawn_over(alpha: Image.Image, preserve: float) -> Image.Image:
    """The inpainting's mask: all of the picture, less what is preserved of the foreground, and nothing at its outline.

    There it is held as it is, over at least a latent's width, and what is drawn fades in from it: else a model is free
    to let the foreground grow into its surroundings.
    """
    inside = (np.asarray(alpha) >= 128).astype(np.uint8)
    away = sum(cv2.distanceTransform(part, cv2.DIST_L2, cv2.DIST_MASK_PRECISE) for part in (inside, 1 - inside))
    held = max(UNIT, max(alpha.size) / HELD_SHARE)
    free = (np.asarray(away) / held - 1).clip(0, 1) * (255 - preserve * np.asarray(alpha, np.float32))
    return Image.fromarray(np.rint(free).astype(np.uint8))


def _relit(image: Image.Image, cutout: Image.Image, task: Relight) -> Image.Image:
    """RGB. All of the picture takes the light, but of a new background only what stands before it: it has its own."""
    scene = image.convert("RGB") if task.background is None else cutout
    like = task.reference or task.background
    if like is not None:
        scene = lit_like(scene, _seen(like), task.light)
    if task.background is not None:
        scene = in_front(scene, task.background, task.fit)
    return lit_from(scene, task.direction, task.light) if task.direction else scene


def _seen(background: Raster | str) -> Image.Image:
    if isinstance(background, Raster):
        return picture_of(background)
    return Image.new("RGB", (1, 1), colour_of(background, "background"))
