"""The models that a task needs beside the one that draws: by name, installed, and of the kind that is asked for."""

from pipelines.catalog import TASKS, Catalog, Kind, Model
from pipelines.errors import ModelNotInstalled, ModelUnknown, TaskRefused
from pipelines.limits import check_name


def check_installed(catalog: Catalog, model: Model) -> None:
    """Raises ModelNotInstalled, with the commands that mend it."""
    if missing := catalog.to_pull(model):
        commands = " and ".join(f"`darkroom pull {name}`" for name in missing)
        raise ModelNotInstalled(f"The model is known but not installed: run {commands} on the server.", field="model")


def lora_named(catalog: Catalog, name: str) -> Model:
    """The catalogue's entry of a LoRA. Raises ModelUnknown, ModelNotInstalled and TaskRefused that blame `loras`."""
    return _named(catalog, name, "lora", "loras")


def vae_named(catalog: Catalog, name: str) -> Model:
    """The catalogue's entry of a VAE. Raises ModelUnknown, ModelNotInstalled and TaskRefused that blame `vae`."""
    return _named(catalog, name, "vae", "vae")


def controlnet_named(catalog: Catalog, name: str) -> Model:
    """The entry of a ControlNet. Raises ModelUnknown, ModelNotInstalled and TaskRefused that blame `controls`."""
    return _named(catalog, name, "controlnet", "controls")


def ip_adapter_named(catalog: Catalog, name: str, field: str = "image_prompts") -> Model:
    """The entry of an IP-Adapter. Raises ModelUnknown, ModelNotInstalled and TaskRefused that blame `field`."""
    return _named(catalog, name, "ip-adapter", field)


def ip_adapter_for(catalog: Catalog, model: Model) -> Model:
    """The first installed IP-Adapter, for a demo that of the demo. Raises ModelNotInstalled."""
    able = [each for each in catalog.models if each.kind == "ip-adapter" and each.embedded == model.embedded]
    for each in able:
        if catalog.is_installed(each):
            return each
    remedy = f": run `darkroom pull {able[0].id}` on the server" if able else ""
    raise ModelNotInstalled(f"No IP-Adapter for this model is installed{remedy}.", field="adapter")


def face_restorer_named(catalog: Catalog, name: str | None) -> str | None:
    """The id of one; None for None. Raises ModelUnknown, ModelNotInstalled and TaskRefused."""
    return None if name is None else _named(catalog, name, "face-restorer", "face_restorer").id


def first_installed(catalog: Catalog, kind: Kind) -> Model | None:
    """The model that serves a task which names none and can do without: nothing where none is installed."""
    return next((model for model in catalog.models if model.kind == kind and catalog.is_installed(model)), None)


def depth_model(catalog: Catalog) -> Model:
    """What the annotator `depth` sees with: the first installed model of that kind. Raises TaskRefused."""
    if model := first_installed(catalog, "depth"):
        return model
    able = [model for model in catalog.models if model.kind == "depth"]
    remedy = f"run `darkroom pull {able[0].id}` on the server, or send" if able else "send"
    raise TaskRefused(
        f"No model that sees depth is installed: {remedy} a depth map with the annotator none.", field="controls"
    )


def tool(catalog: Catalog, name: str | None, kind: Kind, *, needed: bool, field: str = "model") -> str | None:
    """The id of the model of that kind: None where none is named, none is installed, and it may do without."""
    if name is not None:
        return _named(catalog, name, kind, field).id
    try:
        return catalog.default(TASKS[kind][0]).id
    except ModelNotInstalled:
        if needed:
            raise
        return None


def matting_network(catalog: Catalog, name: str | None, method: str | None, field: str = "model") -> str | None:
    """method: "grabcut" does without a network, "network" insists on one; None takes one where there is one."""
    if method is not None:
        check_name(method, ("network", "grabcut"), "method")
    return None if method == "grabcut" else tool(catalog, name, "matting", needed=method is not None, field=field)


def _named(catalog: Catalog, name: str, kind: Kind, field: str) -> Model:
    try:
        entry = catalog.named(name, kind)
        if entry.kind != kind:
            raise TaskRefused(f"{field} must name a model of kind {kind}: GET /darkroom/v1/models lists them.")
        check_installed(catalog, entry)
    except (ModelUnknown, ModelNotInstalled, TaskRefused) as error:
        raise type(error)(error.sentence, field=field) from None
    return entry
