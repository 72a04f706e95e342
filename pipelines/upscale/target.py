"""How large an enlarged picture becomes, and how large it is put together on the way there. Standard library only."""

from pipelines.errors import TaskRefused

FACTORS = (2, 4, 8)
MOST_PIXELS = 67_108_864  # of a result: 8192 x 8192

Size = tuple[int, int]  # width and height in pixels


def size_by_factor(size: Size, factor: int, most_pixels: int = MOST_PIXELS) -> Size:
    """`size` times a factor of FACTORS. Raises TaskRefused for another factor, or where the result is too large."""
    if factor not in FACTORS:
        raise TaskRefused("factor must be 2, 4 or 8.", field="factor")
    return _bounded((size[0] * factor, size[1] * factor), most_pixels, "factor")


def size_by_sides(size: Size, width: int | None, height: int | None, most_pixels: int = MOST_PIXELS) -> Size:
    """The sides asked for; one that was not follows from the other in the aspect of `size`.

    Less than `size` is allowed and makes the picture smaller. Raises TaskRefused where neither side is given, one is
    less than 1, or the result is too large.
    """
    if width is None and height is None:
        raise TaskRefused("Say how large: give a width, a height or a factor.", field="width")
    for side, field in ((width, "width"), (height, "height")):
        if side is not None and side < 1:
            raise TaskRefused(f"{field} must be at least 1.", field=field)
    wanted_width = width or max(1, round((height or 1) * size[0] / size[1]))
    wanted_height = height or max(1, round((width or 1) * size[1] / size[0]))
    return _bounded((wanted_width, wanted_height), most_pixels, "width" if width else "height")


def canvas_scale(network_scale: int, size: Size, target: Size, most_pixels: int = MOST_PIXELS) -> int:
    """By what whole number the picture is larger while it is put together; a divisor of the network's own scale.

    It is the least that reaches the target, so that a network that enlarges by 4 does not fill memory with sixteen
    times the pixels where twice the side was asked for. What is missing or too much, Lanczos adds or takes away.
    """
    wanted = max(target[0] / size[0], target[1] / size[1])
    divisors = [number for number in range(1, network_scale + 1) if network_scale % number == 0]
    bearable = [number for number in divisors if number**2 * size[0] * size[1] <= most_pixels] or [1]
    return next((number for number in bearable if number >= wanted), bearable[-1])


def _bounded(target: Size, most_pixels: int, field: str) -> Size:
    if target[0] * target[1] > most_pixels:
        sentence = f"The enlarged picture may have at most {most_pixels} pixels in all; ask for less."
        raise TaskRefused(sentence, field=field)
    return target
