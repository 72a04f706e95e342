"""What the web UI calls the networks that enlarge pictures, and what enlarges without one."""

from pipelines.catalog import Catalog, Model
from pipelines.errors import ModelUnknown
from pipelines.planning import check_installed
from server.errors import BodyInvalid

NONE, LANCZOS = "None", "Lanczos"
# Those that the web UI comes with, by our ids: their names there, and by how much they enlarge.
KNOWN = {"real-esrgan-x4plus": ("R-ESRGAN 4x+", 4), "real-esrgan-x2plus": ("R-ESRGAN 2x+", 2)}


def upscaler_label(model: Model) -> str:
    return KNOWN[model.id][0] if model.id in KNOWN else model.id


def scale_of(model: Model) -> int | None:
    """None where it is not known before the network is loaded."""
    return KNOWN[model.id][1] if model.id in KNOWN else None


def upscaler_called(catalog: Catalog, name: str, field: str) -> Model | None:
    """The network of a label, an id or a file's name; None for Lanczos, and for None.

    Raises ModelNotInstalled, and BodyInvalid that blames the field.
    """
    if name.lower() in (NONE.lower(), LANCZOS.lower()):
        return None
    able = [model for model in catalog.models if model.kind == "upscaler"]
    labelled = next((model for model in able if upscaler_label(model).lower() == name.lower()), None)
    try:
        model = labelled or catalog.named(name, "upscaler")
    except ModelUnknown:
        model = None
    if model is None or model.kind != "upscaler":
        raise BodyInvalid(f"`{field}`: there is no such upscaler: GET /sdapi/v1/upscalers lists them.", field=field)
    check_installed(catalog, model)
    return model
