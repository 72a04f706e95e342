"""How many pixels a shape and a resolution are; docs/apis/images_v0.md has them as a table."""

from pipelines.catalog import Model, Resolution
from pipelines.sizes import shaped

RATIOS = (
    *("1:1", "1:2", "1:4", "1:8", "2:1", "2:3", "3:2", "3:4", "4:1", "4:3", "4:5", "5:4", "8:1"),
    *("9:16", "9:19.5", "16:9", "19.5:9", "21:9"),
)
SCALES: dict[Resolution, float] = {"low": 0.5, "standard": 1.0, "high": 2.0}
LONG_SIDE_4K = 4096


def pixels(ratio: str, resolution: Resolution, model: Model) -> tuple[int, int]:
    """Width and height. ratio: one of RATIOS, or another in the same form.

    `standard` is the largest part of this shape of what the model draws best, `low` half its sides, `high` twice.
    Raises TaskRefused where the model draws nothing of a size of one's choice.
    """
    across, down = (float(part) for part in ratio.split(":"))
    if resolution == "4k":
        scale = LONG_SIDE_4K / max(across, down)
    else:
        width, height = shaped(across / down, model)
        scale = SCALES[resolution] * min(width / across, height / down)
    return int(scale * across + 0.5), int(scale * down + 0.5)
