"""One picture's way through an upscaler: taken apart into tiles, enlarged in company, put together at the size asked.

Transparency does not go through the network: it is enlarged by Lanczos, and the colours beneath it come from near by.
"""

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image, ImageOps

from pipelines.canvas import blur_fill
from pipelines.upscale.network import Upscaler, as_pixels
from pipelines.upscale.target import MOST_PIXELS, Size, canvas_scale
from pipelines.upscale.tiles import Assembly, Grid, Pixels, cut, side_for


class Enlargement:
    """One picture on its way. It holds 3 bytes for each of its pixels and for each that is put together.

    Those are `canvas_scale` times its sides: as many as the result has, or up to four times as many where the target
    lies just above a divisor of the network's scale, but no more than `most_pixels` unless it has more itself. In the
    end Pillow's copies of 4 bytes a pixel join them: at 8192 x 8192 that is 0.2 GB all along, and 0.5 GB for a moment.

    target: width and height of the result; of another aspect, the picture's middle is kept. network_scale: of the
    upscaler. denoise: 0 to 1, how much of the picture's noise goes before it is enlarged, see `denoise.denoised`.
    side: of its tiles in pixels, None for what suits the picture.
    """

    def __init__(
        self,
        image: Image.Image,
        target: Size,
        network_scale: int,
        denoise: float = 0.0,
        side: int | None = None,
        most_pixels: int = MOST_PIXELS,
    ) -> None:
        colour, self._alpha = parted(image)
        self._pixels: Pixels = np.asarray(colour)
        self._target = target
        self.denoise = denoise
        self.grid = Grid(*image.size, side or side_for(*image.size))
        scale = canvas_scale(network_scale, image.size, target, most_pixels)
        self.shrink = network_scale // scale
        self._assembly = Assembly(self.grid, scale)

    @property
    def left(self) -> int:
        """Tiles that have not been laid yet."""
        return len(self.grid) - self._assembly.laid

    def next_tiles(self, count: int) -> list[Pixels]:
        """The next tiles to be enlarged, `count` of them or what is left; asking does not use them up."""
        start = self._assembly.laid
        return [cut(self._pixels, self.grid, index) for index in range(start, start + min(count, self.left))]

    def lay(self, tile: Pixels) -> None:
        """The next tile, enlarged by the network's scale over `shrink`."""
        self._assembly.lay(tile)

    def finished(self) -> Image.Image:
        """RGB, or RGBA where the picture had transparency, at the target's size."""
        return joined(Image.fromarray(self._assembly.pixels), self._alpha, self._target)


def tick(upscaler: Upscaler, work: Sequence[tuple[Enlargement, int]]) -> None:
    """One forward pass over so many tiles of each picture, whose tiles have one size; all are laid, or none.

    Raises DrawingFailed, and what the device raises.
    """
    cuts = [(picture, tile) for picture, count in work for tile in picture.next_tiles(count)]
    tiles = torch.from_numpy(np.stack([tile for _, tile in cuts]))
    enlarged = upscaler.enlarge(tiles, torch.tensor([picture.denoise for picture, _ in cuts]))
    pixels = [as_pixels(tile, picture.shrink) for tile, (picture, _) in zip(enlarged, cuts, strict=True)]
    for (picture, _), tile in zip(cuts, pixels, strict=True):
        picture.lay(tile)


def upscaled(upscaler: Upscaler, image: Image.Image, target: Size, denoise: float = 0.0, rows: int = 4) -> Image.Image:
    """One picture alone, `rows` tiles at a time. See Enlargement."""
    picture = Enlargement(image, target, upscaler.scale, denoise)
    while picture.left:
        tick(upscaler, [(picture, rows)])
    return picture.finished()


def lanczos(image: Image.Image, target: Size) -> Image.Image:
    """The same without a network: the mode "fast"."""
    return joined(*parted(image), target)


def parted(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Colour as RGB, and transparency as L or None. Colours that nobody could see become those around them.

    Otherwise what lies under transparency, often black, would bleed into the edge of what is seen.
    """
    if not image.has_transparency_data:
        return image.convert("RGB"), None
    above = image.convert("RGBA")
    alpha = above.getchannel("A")
    hidden = alpha.point(lambda level: 0 if level else 255)
    return blur_fill(above.convert("RGB"), hidden) if hidden.getbbox() else above.convert("RGB"), alpha


def joined(colour: Image.Image, alpha: Image.Image | None, target: Size) -> Image.Image:
    """Both at the target's size, whatever theirs."""
    result = _fitted(colour, target)
    if alpha is not None:
        result.putalpha(_fitted(alpha, target))
    return result


def _fitted(image: Image.Image, target: Size) -> Image.Image:
    return image if image.size == target else ImageOps.fit(image, target, Image.Resampling.LANCZOS)
