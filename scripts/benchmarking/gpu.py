"""What bench_gpu.py measures, one function a section; each returns figures for the JSON file. Seconds, if not said."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import torch
from PIL import Image

from benchmarking.random_sdxl import MODEL, flops_of_decoding, flops_of_row, load_catalogue
from benchmarking.replay import Stage, rate_at_once, stage_of
from benchmarking.stock import stock
from benchmarking.trace import Mix
from benchmarking.traffic import LATE, measure_traffic
from pipelines.planning import text_to_image
from pipelines.profiling.measure import measure, synchronize
from pipelines.sdxl.latents import decode
from pipelines.sdxl.prompts import TextEncoders
from pipelines.tasks import Picture, TextToImage
from pipelines.tuning import Tuning
from server.images import Encoding, encode

PROMPT = "a lighthouse on a cliff above a stormy sea, oil on canvas"
FEW_STEPS = 4
QUEUE = 2  # ticks full of pictures, so that there is always a next one


@dataclass(frozen=True, slots=True)
class Bench:
    """What is measured, and how much of it. sizes: width and height, the usual one first; rows: of the ticks.

    steps: of the guided pictures, `batch` of which fill a tick. mixed_steps, tasks: of the mixed traffic.
    """

    device: torch.device
    models_file: Path
    configs: Path
    sizes: tuple[tuple[int, int], ...]
    rows: tuple[int, ...]
    steps: int
    batch: int
    mixed_steps: tuple[int, ...]
    tasks: int

    @property
    def on_cuda(self) -> bool:
        return self.device.type == "cuda"

    @property
    def dtype(self) -> torch.dtype:
        return torch.float16 if self.on_cuda else torch.float32

    def stage(self, *, compiled: bool) -> Stage:
        tuning = replace(Tuning(), compile="on" if compiled else "off")
        return stage_of(load_catalogue(self.models_file), self.device, tuning)

    def seconds(self, action: Callable[[], object], rounds: int = 3) -> float:
        """The median, after a warm-up."""
        return median([self._once(action) for _ in range(1 + rounds)][1:])

    def _once(self, action: Callable[[], object]) -> float:
        synchronize(self.device)
        started = time.perf_counter()
        action()
        synchronize(self.device)
        return time.perf_counter() - started


def best_product(bench: Bench) -> dict[str, float]:
    """TFLOP/s of large matrix products, the best of which is what a forward pass could reach at most."""
    rates = {}
    for side in (4096, 8192, 16384) if bench.on_cuda else (256,):
        for dtype in (torch.float16, torch.bfloat16):
            one, other = (torch.randn(side, side, device=bench.device, dtype=dtype) for _ in range(2))
            seconds = bench.seconds(lambda one=one, other=other: [one @ other for _ in range(10)])  # type: ignore[misc]
            rates[f"{dtype} {side}".removeprefix("torch.")] = round(10 * 2 * side**3 / seconds / 1e12, 3)
    return rates


def parts(bench: Bench) -> dict[str, float]:
    """The VAE, the text encoders, and the PNG of one picture."""
    model = bench.stage(compiled=False).registry.sdxl(MODEL)
    width, height = bench.sizes[0]
    encoders = TextEncoders(model.text_encoder, model.text_encoder_2, model.tokenizer, model.tokenizer_2)
    latents = torch.randn(4, model.vae.config.latent_channels, height // 8, width // 8, device=bench.device)
    noise = Image.effect_noise((width // 8, height // 8), 64).convert("RGB")
    smooth = noise.resize((width, height), Image.Resampling.BICUBIC)  # about as compressible as a picture
    picture = Picture(width, height, smooth.tobytes(), 0, (width, height), MODEL)
    with torch.inference_mode():
        seconds = {
            "vae, 1 picture": bench.seconds(lambda: decode(model, latents[:1])),
            "vae, 4 pictures": bench.seconds(lambda: decode(model, latents)),
            "text encoders, 2 prompts": bench.seconds(lambda: encoders.read([PROMPT, ""])),
            "png": bench.seconds(lambda: encode(picture, Encoding("png"))),
        }
    return {name: round(each, 5) for name, each in seconds.items()}


def engine_eager(bench: Bench) -> dict[str, Any]:
    stage = bench.stage(compiled=False)
    return {"tick_seconds": ticks(bench, stage, bench.sizes, bench.rows), **saturated(bench, stage)}


def engine_compiled(bench: Bench) -> dict[str, Any]:
    """Only the rows that are needed here: to compile a number of rows takes a minute or more."""
    stage, rows = bench.stage(compiled=True), (2, 2 * bench.batch)
    return {"tick_seconds": ticks(bench, stage, bench.sizes[:1], rows), **saturated(bench, stage)}


def stock_eager(bench: Bench) -> dict[str, float]:
    """Plain diffusers, one picture at a time and a batch of as many as fill our ticks."""
    draw = stock_of(bench, compiled=False)
    alone = bench.seconds(lambda: draw([PROMPT]), rounds=2)
    batched = bench.seconds(lambda: draw([PROMPT] * bench.batch), rounds=1) / bench.batch
    return {"pictures_a_second": round(1 / alone, 3), f"in_batches_of_{bench.batch}": round(1 / batched, 3)}


def stock_compiled(bench: Bench) -> dict[str, float]:
    """Plain diffusers with channels_last and a compiled UNet, one picture at a time."""
    draw = stock_of(bench, compiled=bench.on_cuda)
    return {"pictures_a_second": round(1 / bench.seconds(lambda: draw([PROMPT]), rounds=2), 3)}


def traffic(bench: Bench) -> dict[str, Any]:
    """Not compiled: three sizes in every number of rows would take an hour to compile."""
    mix = Mix(MODEL, bench.sizes, bench.mixed_steps)
    return measure_traffic(bench.stage(compiled=False), mix, bench.tasks, (LATE,), lambda: None)


def flops_of_picture(bench: Bench) -> int:
    """Of a guided one, of which the text encoders and the sampler are left out."""
    size = bench.sizes[0]
    return 2 * bench.steps * flops_of_row(bench.configs, size) + flops_of_decoding(bench.configs, size)


def stock_of(bench: Bench, *, compiled: bool) -> Callable[[list[str]], object]:
    folder = bench.models_file.parent / "models" / MODEL
    return stock(folder, bench.device, bench.dtype, bench.sizes[0], bench.steps, compiled=compiled)


def ticks(
    bench: Bench, stage: Stage, sizes: tuple[tuple[int, int], ...], rows: tuple[int, ...]
) -> dict[str, dict[str, float]]:
    """By rows, for each size."""
    found = {}
    for size in sizes:
        curve = measure(stage.catalog, stage.registry, MODEL, size, bench.device, rows)
        found[f"{size[0]}x{size[1]}"] = {str(count): round(each, 5) for count, each in curve.seconds.items()}
    return found


def saturated(bench: Bench, stage: Stage) -> dict[str, float]:
    """One guided picture; as many as fill the ticks; and pictures of few steps without guidance."""
    guided, quick = task(bench, stage, bench.steps, 6.0), task(bench, stage, FEW_STEPS, 1.0)
    many, few_steps = QUEUE * bench.batch * [guided], QUEUE * 2 * bench.batch * [quick]
    alone = bench.seconds(lambda: rate_at_once(stage, [guided]), rounds=2)
    rate_at_once(stage, few_steps)  # and with it the number of rows is warm
    return {
        "alone": round(alone, 4),
        "pictures_a_second": round(rate_at_once(stage, many), 3),
        "pictures_of_4_steps_a_second": round(rate_at_once(stage, few_steps), 3),
    }


def task(bench: Bench, stage: Stage, steps: int, guidance: float) -> TextToImage:
    width, height = bench.sizes[0]
    said: dict[str, Any] = {"prompt": PROMPT, "sampler": "euler", "steps": steps, "guidance_scale": guidance, "seed": 0}
    return text_to_image(stage.catalog, model=MODEL, width=width, height=height, **said)
