"""The noise of another size lies in the middle, so that a wider picture shows what the seed shows."""

import pytest
import torch

from pipelines.canvas import canvas_of
from pipelines.catalog import Catalog
from pipelines.planning import text_to_image
from pipelines.registry import Registry
from pipelines.sizes import plan
from pipelines.tasks import Variation


def noise_of(
    catalog: Catalog, size: tuple[int, int], own: tuple[int, int] | None, variation: Variation | None = None
) -> torch.Tensor:
    """What the first of the drafts starts from."""
    task = text_to_image(
        catalog, prompt="", seed=7, width=size[0], height=size[1], noise_size=own, variation=variation
    )  # fmt: skip
    pipeline = Registry(catalog, torch.device("cpu"), torch.float32, None).pipeline("tiny", ())
    return pipeline.drafts("job", task, canvas_of(task, plan(*size, catalog.get("tiny"))))[0].latent  # type: ignore[union-attr]


@pytest.mark.parametrize("variation", [None, Variation(9, 0.3)])
def test_a_wider_picture_has_the_noise_of_the_narrow_one_in_its_middle(
    catalog: Catalog, variation: Variation | None
) -> None:
    square = noise_of(catalog, (128, 128), None, variation)
    wide = noise_of(catalog, (192, 192), (128, 128), variation)
    assert torch.equal(wide[:, 4:20, 4:20], square)
    assert torch.equal(wide[:, :4], noise_of(catalog, (192, 192), None)[:, :4])


def test_a_smaller_picture_has_the_middle_of_it(catalog: Catalog) -> None:
    large, small = noise_of(catalog, (192, 192), None), noise_of(catalog, (128, 128), (192, 192))
    assert torch.equal(small, large[:, 4:20, 4:20])


def test_its_own_size_changes_nothing(catalog: Catalog) -> None:
    assert torch.equal(noise_of(catalog, (128, 128), (128, 128)), noise_of(catalog, (128, 128), None))
