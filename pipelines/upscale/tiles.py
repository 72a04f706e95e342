"""A picture cut into squares of one size, and put together again without seams: all of it numpy.

Neighbours share 32 pixels. A network answers worst at the edge of what it sees, so each tile's outermost 8 pixels are
thrown away; over the 16 between, one tile fades into the next.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]  # (height, width, 3), RGB, rows from the top
Weights = NDArray[np.floating]
Span = tuple[slice, slice, Weights, Weights]

MARGIN = 16  # pixels that a tile sees on each side beyond the part that it is there for
THROWN_AWAY = 8  # of the margin, the outermost
FADE = 2 * (MARGIN - THROWN_AWAY)
SIDES = (96, 160, 288)  # of tiles: 64, 128 and 256 pixels with their margins


@dataclass(frozen=True, slots=True)
class Grid:
    """The tiles over a picture of width x height pixels: squares of `side`, row by row from the top left.

    Those at its edges reach beyond it. side: at least three times MARGIN, so that only neighbours share pixels.
    """

    width: int
    height: int
    side: int

    @property
    def step(self) -> int:
        return self.side - 2 * MARGIN

    @property
    def columns(self) -> int:
        return -(-self.width // self.step)

    @property
    def rows(self) -> int:
        return -(-self.height // self.step)

    def __len__(self) -> int:
        return self.columns * self.rows

    def corner(self, index: int) -> tuple[int, int]:
        """Left and top of a tile in pixels of the picture; negative at its first column and row."""
        row, column = divmod(index, self.columns)
        return column * self.step - MARGIN, row * self.step - MARGIN


def side_for(width: int, height: int) -> int:
    """The side of tiles with which the least is computed for a picture; the larger of two."""
    return min(reversed(SIDES), key=lambda side: len(Grid(width, height, side)) * side**2)


def cut(pixels: Pixels, grid: Grid, index: int) -> Pixels:
    """One tile, (side, side, 3). Beyond the picture's edges it goes on as in a mirror, as often as needed."""
    left, top = grid.corner(index)
    rows = _mirrored(np.arange(top, top + grid.side), grid.height)
    columns = _mirrored(np.arange(left, left + grid.side), grid.width)
    return pixels[rows[:, None], columns]


class Assembly:
    """The enlarged picture while its tiles come, in the order of the grid. scale: by how much they are enlarged.

    It holds 3 bytes for each pixel of the enlarged picture and, while a tile is laid, up to 60 for each of the tile's.

    In the end each pixel is the mean of up to four tiles, weighted by how far it lies inside them. A tile is laid over
    those before it with its part of the weights that have come so far, so that no second canvas has to count them.
    """

    def __init__(self, grid: Grid, scale: int) -> None:
        self.grid, self.scale = grid, scale
        self.laid = 0
        self.pixels: Pixels = np.zeros((grid.height * scale, grid.width * scale, 3), np.uint8)

    def lay(self, tile: Pixels) -> None:
        """The next tile, (side * scale, side * scale, 3)."""
        left, top = self.grid.corner(self.laid)
        columns, tile_columns, fade_in, so_far = self._span(left, self.grid.width)
        rows, tile_rows, down, _ = self._span(top, self.grid.height)
        above = 1 - down  # the weight of the row of tiles before
        share = down[:, None] * np.minimum(fade_in, so_far) / (above[:, None] + down[:, None] * so_far)
        under = self.pixels[rows, columns]
        over = tile[tile_rows, tile_columns].astype(np.float32)
        under[:] = np.rint(under + (over - under) * share[..., None])
        self.laid += 1

    def _span(self, start: int, length: int) -> Span:
        """Along one axis: where a tile goes on the canvas, what of the tile, how it fades in over the tile before,
        and the weights of both together, which fall where the tile after it will fade in.

        start: of the tile, in pixels of the picture, which has `length`.
        """
        first, last = max(start + THROWN_AWAY, 0), min(start + self.grid.side - THROWN_AWAY, length)
        canvas = slice(first * self.scale, last * self.scale)
        tile = slice((first - start) * self.scale, (last - start) * self.scale)
        places = (np.arange(tile.start, tile.stop, dtype=np.float32) + 0.5) / self.scale
        fade_in = so_far = np.ones_like(places)
        if start > -MARGIN:
            fade_in = np.clip((places - THROWN_AWAY) / FADE, 0, 1)
        if start + self.grid.side - MARGIN < length:
            so_far = np.clip((self.grid.side - THROWN_AWAY - places) / FADE, 0, 1)
        return canvas, tile, fade_in, so_far


def _mirrored(places: NDArray[np.int64], length: int) -> NDArray[np.int64]:
    """Any whole numbers to places in 0..length-1, going to and fro; the edge itself is not repeated."""
    period = max(1, 2 * (length - 1))
    places = places % period
    return np.where(places < length, places, period - places)
