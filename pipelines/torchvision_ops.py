"""Import this before diffusers, transformers or spandrel: it lets torchvision load beside a CPU-only torch.

The torchvision wheels on PyPI are linked against CUDA. Beside a CPU build of torch their C++ operators do not load,
and `import torchvision` then fails because it describes operators that nobody declared. Only Python functions of
torchvision are used here, so declaring the two names is enough. Where torchvision loads by itself nothing happens.
Importing is the point of this module, so it works at import; it lives apart from `pipelines/__init__.py` because
the server imports `pipelines.tasks` and must not load torch.
"""

import sys

import torch

# Kept for the life of the process: dropping a Library withdraws its declarations.
_libraries: list[torch.library.Library] = []


def _load_torchvision() -> None:
    try:
        import torchvision
    except RuntimeError:
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]  # half-imported
        library = torch.library.Library("torchvision", "DEF")
        for operator in ("nms", "qnms"):
            library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _libraries.append(library)
        import torchvision  # noqa: F401


_load_torchvision()
