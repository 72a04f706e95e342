"""The pixels around the model: what a task gives it to start from, and how what it drew comes back into the picture.

Everything here is Pillow on whole pictures; the model's side of it, latents, is `pipelines.sdxl.start`.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageChops, ImageFilter, ImageOps

from pipelines.recolor import tinted
from pipelines.sizes import SizePlan, finish, resized, spread
from pipelines.tasks import Control, Drawing, Edit, ImageToImage, Inpaint, Outpaint, Picture, Raster

Box = tuple[int, int, int, int]  # left, top, right, bottom in pixels
BLUR_FILL_RADII = (64, 32, 16, 8, 4, 2)  # pixels; from afar to near, so that each part takes the nearest colours


@dataclass(frozen=True, slots=True)
class Frame:
    """Where a drawn part goes. picture: RGB, the whole; mask: L of its size, 0 keeps a pixel; box: the drawn part."""

    picture: Image.Image
    mask: Image.Image
    box: Box

    def around(self, part: Image.Image) -> Image.Image:
        left, top, right, bottom = self.box
        whole = self.picture.copy()
        whole.paste(part.resize((right - left, bottom - top), Image.Resampling.LANCZOS), (left, top))
        return Image.composite(whole, self.picture, self.mask)


@dataclass(frozen=True, slots=True)
class Canvas:
    """start: RGB, what drawing begins from, or None; repaint: L, bright where it is drawn anew, or None for all of it.

    Both have the size that the model draws. frame: what the result is put back into. colours: RGB of the result's size,
    whose hue and saturation it takes. seamless: what was drawn goes on at its other edge.
    """

    size: SizePlan
    start: Image.Image | None = None
    repaint: Image.Image | None = None
    frame: Frame | None = None
    colours: Image.Image | None = None
    seamless: bool = False

    def finish(self, drawn: Image.Image) -> Image.Image:
        """The result, from what the model drew at render size."""
        part = resized(drawn, (self.size.width, self.size.height)) if self.seamless else finish(drawn, self.size)
        if self.colours:
            part = tinted(part, self.colours)
        return self.frame.around(part) if self.frame else part


def canvas_of(task: Drawing, size: SizePlan) -> Canvas:
    """What surrounds the model in this task; `size` is the plan for task.width x task.height."""
    match task:
        case ImageToImage() | Edit():
            picture = fitted(picture_of(task.image), size, task.fit)
            keeps = isinstance(task, ImageToImage) and task.keep_colours
            start = resized(picture, size.rendered) if task.seamless else spread(picture, size)
            return Canvas(size, start, colours=picture if keeps else None, seamless=task.seamless)
        case Inpaint():
            return _inpaint(task, size)
        case Outpaint():
            return _outpaint(task, size)
        case _:
            return Canvas(size, seamless=task.seamless)


def followed(control: Control, task: Drawing, canvas: Canvas) -> Image.Image:
    """The control's picture where the model draws: it shows the whole result, also where only a part is drawn."""
    picture = picture_of(control.image).convert("RGB")
    if canvas.frame:
        whole = ImageOps.fit(picture, canvas.frame.picture.size, Image.Resampling.LANCZOS)
        return spread(fitted(whole.crop(canvas.frame.box), canvas.size, "stretch"), canvas.size)
    fit = task.fit if isinstance(task, ImageToImage | Edit) else "crop"
    return spread(fitted(picture, canvas.size, fit), canvas.size)


def picture_of(raster: Raster | Picture) -> Image.Image:
    """RGB, RGBA or L, by the bytes a pixel."""
    mode = {1: "L", 3: "RGB", 4: "RGBA"}[len(raster.pixels) // (raster.width * raster.height)]
    return Image.frombytes(mode, (raster.width, raster.height), raster.pixels)


def in_rgb(image: Image.Image) -> Image.Image:
    """The picture itself where it is RGB, of which `convert` makes a copy."""
    return image if image.mode == "RGB" else image.convert("RGB")


def raster_of(image: Image.Image) -> Raster:
    return Raster(image.width, image.height, image.tobytes())


def fitted(image: Image.Image, size: SizePlan, fit: str) -> Image.Image:
    """`image` at size.width x size.height: its middle ("crop"), all of it ("stretch"), or with margins ("pad")."""
    target = size.width, size.height
    if image.size == target:
        return image
    match fit:
        case "stretch":
            return image.resize(target, Image.Resampling.LANCZOS)
        case "pad":
            scale = min(size.width / image.width, size.height / image.height)
            sides = [max(1, round(side * scale)) for side in image.size]
            inside = image.resize((sides[0], sides[1]), Image.Resampling.LANCZOS)
            left, top = (target[0] - inside.width) // 2, (target[1] - inside.height) // 2
            margins = [(top, target[1] - inside.height - top), (left, target[0] - inside.width - left)]
            return Image.fromarray(np.pad(np.asarray(inside), [*margins, (0, 0)], mode="edge"))
        case _:
            return ImageOps.fit(image, target, Image.Resampling.LANCZOS)


def _inpaint(task: Inpaint, size: SizePlan) -> Canvas:
    picture, mask = picture_of(task.image), _blurred(picture_of(task.mask), task.mask_blur)
    if not task.only_masked:
        picture, mask = fitted(picture, size, "crop"), fitted(mask, size, "crop")
    box = _box(mask, task.padding, size) if task.only_masked else (0, 0, *picture.size)
    part, part_mask = picture.crop(box), mask.crop(box)
    if task.fill == "blur":
        part = blur_fill(part, part_mask)
    start, repaint = (spread(fitted(each, size, "stretch"), size) for each in (part, part_mask))
    return Canvas(size, start, repaint, Frame(picture, mask, box))


def _outpaint(task: Outpaint, size: SizePlan) -> Canvas:
    """The old picture amid colours that flow out of it; the mask is bright outside it and fades inside its edge."""
    old = picture_of(task.image)
    picture = Image.new("RGB", (task.left + old.width + task.right, task.top + old.height + task.bottom))
    picture.paste(old, (task.left, task.top))
    mask = Image.new("L", picture.size, 255)
    mask.paste(_feather(task, *old.size), (task.left, task.top))
    hidden = Image.new("L", picture.size, 255)
    hidden.paste(0, (task.left, task.top, task.left + old.width, task.top + old.height))
    picture, mask = (fitted(each, size, "stretch") for each in (blur_fill(picture, hidden), mask))
    return Canvas(size, spread(picture, size), spread(mask, size), Frame(picture, mask, (0, 0, *picture.size)))


def _feather(task: Outpaint, width: int, height: int) -> Image.Image:
    """L: 0 inside the old picture, rising to white at those of its edges beyond which it goes on."""
    if not task.feather:
        return Image.new("L", (width, height))
    x, y = np.arange(width)[None, :] + 0.5, np.arange(height)[:, None] + 0.5
    beyond = {"left": x, "right": width - x, "top": y, "bottom": height - y}
    distances = [beyond[side] for side in beyond if getattr(task, side)]
    nearest = np.min(np.stack(np.broadcast_arrays(*distances, np.full((height, width), np.inf))), axis=0)
    return Image.fromarray((255 * np.clip(1 - nearest / task.feather, 0, 1)).astype(np.uint8))


def _blurred(mask: Image.Image, blur: int) -> Image.Image:
    """Fades outwards and inwards over about `blur` pixels."""
    return mask.filter(ImageFilter.GaussianBlur(blur / 2)) if blur else mask


def _box(mask: Image.Image, padding: int, size: SizePlan) -> Box:
    """Around all that is masked with `padding` on each side, widened to the aspect of `size` where there is room."""
    left, top, right, bottom = mask.getbbox() or (0, 0, *mask.size)
    left, right = max(0, left - padding), min(mask.width, right + padding)
    top, bottom = max(0, top - padding), min(mask.height, bottom + padding)
    aspect = size.width / size.height
    width = max(right - left, round((bottom - top) * aspect))
    height = max(bottom - top, round((right - left) / aspect))
    left, right = _widened(left, right, width, mask.width)
    top, bottom = _widened(top, bottom, height, mask.height)
    return left, top, right, bottom


def _widened(start: int, end: int, wanted: int, limit: int) -> tuple[int, int]:
    """An interval of `wanted` pixels, or all of `limit`, around start..end, moved to lie inside 0..limit."""
    wanted = min(wanted, limit)
    start = min(max(0, start - (wanted - (end - start)) // 2), limit - wanted)
    return start, start + wanted


def blur_fill(picture: Image.Image, mask: Image.Image) -> Image.Image:
    """The masked part replaced by the colours around it, from blurs that leave the masked part out."""
    known = ImageOps.invert(mask.point(lambda level: 255 if level else 0))
    filled = Image.composite(picture, Image.new("RGB", picture.size, _mean(picture, known)), known)
    visible = ImageChops.multiply(picture, Image.merge("RGB", [known] * 3))
    for radius in BLUR_FILL_RADII:
        colours = np.asarray(visible.filter(ImageFilter.GaussianBlur(radius)), dtype=np.float32)
        share = np.asarray(known.filter(ImageFilter.GaussianBlur(radius)), dtype=np.float32)[..., None] / 255
        near = Image.fromarray(np.clip(colours / np.maximum(share, 1e-3), 0, 255).astype(np.uint8))
        seen = Image.fromarray(np.where(share[..., 0] > 0.05, 255, 0).astype(np.uint8))
        filled = Image.composite(near, filled, ImageChops.multiply(seen, ImageOps.invert(known)))
    return filled


def _mean(picture: Image.Image, known: Image.Image) -> tuple[int, int, int]:
    """Of what is known, in RGB; gray where nothing is."""
    pixels = np.asarray(picture)[np.asarray(known) > 0]
    red, green, blue = pixels.mean(axis=0) if len(pixels) else (128, 128, 128)
    return round(float(red)), round(float(green)), round(float(blue))
