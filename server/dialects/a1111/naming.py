"""What the web UI calls samplers, noise schedules and models."""

from pipelines.catalog import Catalog, Meant, Model
from pipelines.errors import ModelUnknown
from pipelines.infotext import LABELS
from pipelines.sampler_names import sampler_named
from pipelines.tasks import KARRAS, SAMPLERS
from server.errors import BodyInvalid

HASH = 10  # digits of a SHA-256 that the web UI shows
# The web UI's schedules by their names, with their labels; `automatic` is a sampler's plain form, as `uniform` is.
SCHEDULERS = {"automatic": "Automatic", "uniform": "Uniform", "karras": "Karras"}

# Samplers of the web UI that are drawn by another one of ours, which comes to the same picture.
SUBSTITUTES = {"plms": ("DDIM", "PLMS is drawn by DDIM, of whose steps it is a refinement.")}


def substitute(sampler: str | None) -> tuple[str | None, str | None]:
    """The sampler that stands for one which is not here, and a sentence that says so; otherwise the sampler itself."""
    return SUBSTITUTES.get((sampler or "").lower(), (sampler, None))


def sampler_of(sampler: str | None, scheduler: str | None) -> str | None:
    """Our sampler for the two names of a request, in any spelling of either; None where neither says anything.

    Raises TaskRefused for a sampler that is not here, and BodyInvalid for a schedule.
    """
    schedule = (scheduler or "automatic").lower()
    if schedule not in SCHEDULERS:
        raise BodyInvalid(f"`scheduler`: it must be one of {', '.join(SCHEDULERS.values())}.", field="scheduler")
    if sampler is None and schedule != "karras":
        return None
    found = sampler_named(sampler or "Euler")
    if schedule == "karras" and f"{found}{KARRAS}" in SAMPLERS:
        return f"{found}{KARRAS}"
    return found.removesuffix(KARRAS) if schedule == "uniform" else found


def label_of(sampler: str) -> tuple[str, str]:
    """What the web UI calls one of ours: the sampler, and the schedule."""
    plain = sampler.removesuffix(KARRAS)
    return LABELS[plain], SCHEDULERS["karras" if plain != sampler else "automatic"]


def hash_of(model: Model) -> str | None:
    """The SHA-256 of its weights, of a folder those of its UNet; None where it is not known."""
    weights = [file for file in model.files if file.path.endswith(".safetensors")]
    chosen = next((file for file in weights if file.path.startswith("unet/")), weights[0] if weights else None)
    return chosen.sha256 if chosen else None


def title_of(model: Model) -> str:
    """`name [hash]`, or the name alone where no hash is known."""
    known = hash_of(model)
    return f"{model.id} [{known[:HASH]}]" if known else model.id


def model_called(catalog: Catalog, name: str, task: str = "text_to_image") -> Model:
    """The model of a title, an id, a name with or without its ending, or an alias. Raises as `meant_by`."""
    return meant_by(catalog, name, task).model


def meant_by(catalog: Catalog, name: str, task: str) -> Meant:
    """As `model_called`, with a warning where another model stands in. Raises ModelUnknown and ModelNotInstalled."""
    wanted = name.rpartition(" [")[0] if name.endswith("]") and " [" in name else name
    plain = wanted.lower().removesuffix(".safetensors")
    for model in catalog.models:
        if task in model.tasks and plain in (model.id, model.name.lower(), model.stem.lower()):
            return Meant(model)
    try:
        return catalog.meant(wanted, task)
    except ModelUnknown as error:
        raise ModelUnknown(error.sentence, field="sd_model_checkpoint") from None
