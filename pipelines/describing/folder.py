"""A network and what makes pictures ready for it, from a local folder in transformers' format."""

from pathlib import Path
from typing import Any

import torch

from pipelines.errors import WeightsRefused
from pipelines.weights import check_folder


def load_folder(
    folder: Path, network: Any, processor: Any, device: torch.device, dtype: torch.dtype
) -> tuple[Any, Any]:
    """What the two classes of transformers make of `folder`; in float32 unless on CUDA. Raises WeightsRefused.

    Nothing is fetched, and no code of the folder is run.
    """
    check_folder(folder)
    placed_as = dtype if device.type == "cuda" else torch.float32
    local: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    try:
        ready = processor.from_pretrained(folder, **local)
        found, report = network.from_pretrained(
            folder, dtype=placed_as, use_safetensors=True, output_loading_info=True, **local
        )
    except Exception as error:  # each part of transformers raises what it likes
        raise WeightsRefused(f"The model in {folder.name} cannot be read: pull it again.", field="model") from error
    if report["missing_keys"] or report["mismatched_keys"]:  # which would be left random
        raise WeightsRefused(f"The model in {folder.name} is not whole: pull it again.", field="model")
    return found.to(device).eval().requires_grad_(False), ready


def placed(inputs: Any, network: Any) -> dict[str, Any]:
    """What a processor gave, on the network's device; what is not whole numbers in its type too."""
    weight = next(network.parameters())
    return {
        name: value.to(weight.device, weight.dtype if value.is_floating_point() else value.dtype)
        for name, value in inputs.items()
    }
