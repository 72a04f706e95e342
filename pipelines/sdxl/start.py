"""From a task to its drafts: conditioning, noise, and what an image or a mask brings to the first latent."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from pipelines.canvas import Canvas
from pipelines.prompt_editing import texts
from pipelines.sdxl.draft import Draft, DraftControl, DraftImagePrompt, Guidance, Original, Told
from pipelines.sdxl.image_prompts import heard
from pipelines.sdxl.latents import encode, pixels_of, reduction
from pipelines.sdxl.model import SdxlModel
from pipelines.sdxl.prompts import Conditioning
from pipelines.sdxl.reading import Prompts
from pipelines.sdxl.samplers import Schedule, schedule
from pipelines.tasks import Drawing, Edit, ImageToImage, Inpaint, Variation


@torch.inference_mode()
def drafts_of(
    job_id: str,
    task: Drawing,
    model: SdxlModel,
    canvas: Canvas,
    prompts: Prompts,
    controls: tuple[DraftControl, ...] = (),
    image_prompts: tuple[DraftImagePrompt, ...] = (),
) -> list[Draft]:
    """The drafts of a task: one a picture, each with noise of its own. Raises TaskRefused."""
    positive, negative = _told(task, model, prompts)
    positive = heard(positive, image_prompts)
    drafts = [_draft(job_id, task, model, canvas, positive, negative, index) for index in range(task.count)]
    for draft in drafts:
        draft.controls, draft.image_prompts = controls, image_prompts
    return drafts


def table_of(task: Drawing, model: SdxlModel) -> Schedule:
    """Which calls of the model the task's sampler makes. Raises TaskRefused."""
    strength = task.strength if isinstance(task, ImageToImage | Inpaint) else 1.0
    return schedule(task.sampler, model.scheduler, task.steps, strength)


def noise(generator: torch.Generator, shape: Sequence[int], model: SdxlModel) -> Tensor:
    """Unit noise in float32 on the model's device, drawn on the CPU in the model's dtype as diffusers draws it."""
    return torch.randn(shape, generator=generator, dtype=model.dtype).float().to(model.device)


@dataclass(frozen=True, slots=True)
class Beginning:
    """The first latent, and what holds the draft to its picture: see `Draft`."""

    latent: Tensor
    original: Original | None = None
    seen: Tensor | None = None


def _draft(
    job_id: str,
    task: Drawing,
    model: SdxlModel,
    canvas: Canvas,
    positive: Told,
    negative: Told | None,
    index: int,
) -> Draft:
    generator = torch.Generator("cpu").manual_seed(task.seed + index)
    table = table_of(task, model)
    beginning = _beginning(task, model, canvas, table, generator, index)
    nothing = torch.zeros_like(beginning.latent)
    width, height = canvas.size.render_width, canvas.size.render_height
    return Draft(
        job_id=job_id,
        seed=task.seed + index,
        table=table,
        guidance=_guidance(task),
        positive=positive,
        negative=negative,
        time_ids=(height, width, 0, 0, height, width),
        latent=beginning.latent,
        before=nothing,
        earlier=nothing,
        anchor=nothing,
        generator=generator,
        original=beginning.original,
        seen=beginning.seen,
    )


def _guidance(task: Drawing) -> Guidance:
    image_scale = task.image_guidance_scale if isinstance(task, Edit) else None
    return Guidance(task.guidance_scale, task.guidance_rescale, *task.guidance_interval, image_scale)


def _beginning(
    task: Drawing, model: SdxlModel, canvas: Canvas, table: Schedule, generator: torch.Generator, index: int
) -> Beginning:
    """In the order in which diffusers draws its noise: first the sample of the picture's latent, then the start's."""
    if canvas.start is None:
        return Beginning(_noise(task, model, canvas, generator, index) * table.initial)
    pixels = pixels_of(canvas.start, model)
    if isinstance(task, Edit):
        shown = encode(model, pixels)[0] / model.vae.config.scaling_factor
        return Beginning(_noise(task, model, canvas, generator, index) * table.initial, seen=shown)
    picture = _sampled(pixels, generator, model)
    unit = _noise(task, model, canvas, generator, index)
    if canvas.repaint is None:
        return Beginning(picture + table.sigma(0) * unit)
    mask = _latent_mask(canvas.repaint, model)
    latent = _under_mask(task, picture, mask, generator, model) + table.sigma(0) * unit
    if isinstance(task, Inpaint) and task.strength == 1 and task.fill == "original":
        latent = unit * table.initial  # what is there is not wanted
    if model.unet.config.in_channels == model.vae.config.latent_channels:
        return Beginning(latent, original=Original(picture, unit, mask))
    visible = pixels * torch.from_numpy(np.array(canvas.repaint) == 0).to(model.device)
    return Beginning(latent, seen=torch.cat([mask, _sampled(visible, generator, model)]))


def _under_mask(task: Drawing, picture: Tensor, mask: Tensor, generator: torch.Generator, model: SdxlModel) -> Tensor:
    """The picture's latent with the fill of the masked part; "original" and "blur" are in its pixels already."""
    match task:
        case Inpaint(fill="noise"):
            return (1 - mask) * picture + mask * noise(generator, picture.shape, model)
        case Inpaint(fill="nothing"):
            return (1 - mask) * picture
        case _:
            return picture


def _noise(task: Drawing, model: SdxlModel, canvas: Canvas, generator: torch.Generator, index: int) -> Tensor:
    """(channels, height / 8, width / 8) unit noise; between that of two seeds where the task is a variation."""
    shape = _latent_shape(canvas.size.render_width, canvas.size.render_height, model)
    own = _latent_shape(*task.noise_size, model) if task.noise_size else shape
    unit = noise(generator, own, model)
    if task.variation is not None:
        other = torch.Generator("cpu").manual_seed(task.variation.seed + index)
        unit = _between(unit, noise(other, own, model), task.variation)
    if own == shape:
        return unit
    return _amid(noise(torch.Generator("cpu").manual_seed(task.seed + index), shape, model), unit)


def _latent_shape(width: int, height: int, model: SdxlModel) -> tuple[int, int, int]:
    side = reduction(model)
    return model.vae.config.latent_channels, height // side, width // side


def _amid(around: Tensor, unit: Tensor) -> Tensor:
    """`around` with the middle of `unit` in its own middle, as much of it as there is room for."""
    into, of = zip(*(_middles(*sides) for sides in zip(around.shape[1:], unit.shape[1:], strict=True)), strict=True)
    around[:, *into] = unit[:, *of]
    return around


def _middles(wide: int, own: int) -> tuple[slice, slice]:
    """Where the same positions lie in two rows that are laid middle on middle."""
    shared = min(wide, own)
    first, second = (wide - shared) // 2, (own - shared) // 2
    return slice(first, first + shared), slice(second, second + shared)


def _between(first: Tensor, second: Tensor, variation: Variation) -> Tensor:
    """Spherical interpolation, which keeps the spread of the noise (Shoemake, 1985)."""
    cosine = torch.dot(first.flatten(), second.flatten()) / (first.norm() * second.norm())
    angle = torch.arccos(cosine.clamp(-1, 1))
    if torch.sin(angle) == 0:  # the same seed twice
        return first
    shares = torch.sin((1 - variation.strength) * angle), torch.sin(variation.strength * angle)
    return (shares[0] * first + shares[1] * second) / torch.sin(angle)


def _sampled(pixels: Tensor, generator: torch.Generator, model: SdxlModel) -> Tensor:
    mean, deviation = encode(model, pixels)
    return mean + deviation * noise(generator, mean.shape, model)


def _latent_mask(repaint: Image.Image, model: SdxlModel) -> Tensor:
    """(1, height / 8, width / 8): 1 wherever the mask touches a position at all, so that nothing masked stays old."""
    side = reduction(model)
    levels = np.asarray(repaint)
    cells = levels.reshape(levels.shape[0] // side, side, levels.shape[1] // side, side).max(axis=(1, 3))
    return torch.from_numpy((cells > 0).astype(np.float32))[None].to(model.device)


def _told(task: Drawing, model: SdxlModel, prompts: Prompts) -> tuple[Told, Told | None]:
    """Each text of a prompt that changes on the way is read once."""
    table = table_of(task, model)

    def at_each_step(prompt: str, *, zero_where_empty: bool = False) -> Told:
        said = texts(prompt, table.taken)
        read = {text: prompts.read(text, task.clip_skip) for text in dict.fromkeys(said)}
        if zero_where_empty and "" in read:
            read[""] = _nothing(read[""])
        return tuple(read[said[table.sampling_step(step)]] for step in range(len(table.steps)))

    positive = at_each_step(task.prompt)
    if task.guidance_scale <= 1:
        return positive, None
    return positive, at_each_step(task.negative_prompt, zero_where_empty=model.zero_empty_prompt)


def _nothing(told: Conditioning) -> Conditioning:
    return Conditioning(torch.zeros_like(told.embeddings), torch.zeros_like(told.pooled))
