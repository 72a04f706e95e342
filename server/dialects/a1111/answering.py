"""The answer to txt2img and img2img: pictures in base64, the request once more, and `info`, JSON in a string."""

import asyncio
import json
import secrets
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from fastapi import Request
from starlette.responses import JSONResponse

from pipelines.engine.protocol import Terms
from pipelines.errors import DarkroomError
from pipelines.tasks import Drawing as DrawingTask
from pipelines.tasks import Picture, Raster, Task, TextToImage, Upscale
from server.dialects.a1111.asking import Drawing, Img2Img, headers_of
from server.dialects.a1111.drawing import Plan
from server.dialects.a1111.infotexts import text_of
from server.dialects.a1111.naming import HASH, hash_of, label_of
from server.dialects.a1111.pictures import API, plain
from server.encoding import in_base64
from server.http.parts import Parts
from server.http.waiting import draw_all
from server.images import Caption, Encoding, Image, encode
from server.jobs import Origin

UNTOLD = ("init_images", "mask", "latent_mask", "alwayson_scripts")  # of the echo: they hold pictures


class Result(NamedTuple):
    task: Task
    image: Image


async def answered(
    request: Request,
    parts: Parts,
    account: str,
    asked: Drawing,
    plan: Plan,
    tasks: Sequence[Task],
    maps: Sequence[Task | Raster] = (),
) -> JSONResponse:
    """Draw the tasks, and what the ControlNets follow, and answer with what could be drawn of them.

    Every task is a job, so that one can be skipped. Raises what `draw_all` raises.
    """
    all_tasks = [*tasks, *(each for each in maps if not isinstance(each, Raster))]
    origin = Origin(API, {"task": asked.force_task_id or f"task({secrets.token_hex(8)})", "of": len(all_tasks)})
    caption = Caption(asked=asked.prompt) if asked.prompt != plan.said["prompt"] else None
    terms = Terms(account, previews=True)
    outcomes = await draw_all(request, parts, all_tasks, plan.encoding, terms, origin=origin, caption=caption)
    results = [_results(task, outcome) for task, outcome in zip(all_tasks, outcomes, strict=True)]
    drawn = [result for each in results[: len(tasks)] for result in each]
    if not drawn:
        raise next(outcome for outcome in outcomes if isinstance(outcome, DarkroomError))
    failures = [outcome for outcome in outcomes if isinstance(outcome, DarkroomError)]
    short = [f"{len(failures)} of {len(all_tasks)} jobs gave nothing: {failures[0].sentence}"] if failures else []
    answer = {
        "images": [*await _files(drawn, parts), *await _maps(maps, results[len(tasks) :], parts, plan.encoding)]
        if asked.send_images
        else [],
        "parameters": _echo(asked),
        "info": json.dumps(info(asked, plan, drawn), ensure_ascii=False),
    }
    headers = headers_of(plan.ignored, plan.warnings + short, drawn[0].image.model)
    return JSONResponse(answer, headers=headers)


def info(asked: Drawing, plan: Plan, drawn: Sequence[Result]) -> dict[str, Any]:
    """As the web UI tells it; null is what does not apply. Seeds and sizes are those of the pictures."""
    task, first = drawn[0]
    drawing = task.over if isinstance(task, Upscale) else task
    assert isinstance(drawing, DrawingTask)
    seeds = [result.image.seed for result in drawn]
    subseeds = [plan.subseed + number for number in range(len(drawn))]
    own = drawing.first_pass if isinstance(drawing, TextToImage) and drawing.first_pass else drawing
    known, restorer = hash_of(plan.model), getattr(drawing, "face_restorer", None)
    return {
        "prompt": drawing.prompt,
        "all_prompts": [drawing.prompt] * len(drawn),
        "negative_prompt": drawing.negative_prompt,
        "all_negative_prompts": [drawing.negative_prompt] * len(drawn),
        "seed": seeds[0],
        "all_seeds": seeds,
        "subseed": subseeds[0],
        "all_subseeds": subseeds,
        "subseed_strength": asked.subseed_strength,
        "width": own.width,
        "height": own.height,
        "sampler_name": label_of(drawing.sampler)[0],
        "cfg_scale": drawing.guidance_scale,
        "steps": own.steps,
        "batch_size": asked.batch_size,
        "restore_faces": restorer is not None,
        "face_restoration_model": restorer,
        "sd_model_name": first.model,
        "sd_model_hash": known and known[:HASH],
        "sd_vae_name": drawing.vae,
        "sd_vae_hash": None,
        "seed_resize_from_w": asked.seed_resize_from_w,
        "seed_resize_from_h": asked.seed_resize_from_h,
        "denoising_strength": getattr(drawing, "strength", getattr(own, "strength", None)),
        "extra_generation_params": {"Schedule type": label_of(drawing.sampler)[1]},
        "index_of_first_image": 0,
        "infotexts": [text_of(result.task, result.image) for result in drawn],
        "styles": asked.styles,
        "job_timestamp": time.strftime("%Y%m%d%H%M%S", time.localtime(first.created)),
        "clip_skip": drawing.clip_skip + 1,
        "is_using_inpainting_conditioning": False,
        "version": "darkroom",
    }


async def _files(drawn: Sequence[Result], parts: Parts) -> list[str]:
    return [await plain(result.image, parts) for result in drawn]


async def _maps(
    maps: Sequence[Task | Raster], made: Sequence[list[Result]], parts: Parts, encoding: Encoding
) -> list[str]:
    """The pictures that are followed, as they are or as they were made, in their order."""
    rest = iter(made)
    files: list[str] = []
    for each in maps:
        if isinstance(each, Raster):
            sides = each.width, each.height
            picture = Picture(*sides, each.pixels, None, sides, None)
            files.append(await in_base64(await asyncio.to_thread(encode, picture, encoding)))
        else:
            files += await _files(next(rest), parts)
    return files


def _results(task: Task, outcome: tuple[Image, ...] | DarkroomError) -> list[Result]:
    return [] if isinstance(outcome, DarkroomError) else [Result(task, image) for image in outcome]


def _echo(asked: Drawing) -> dict[str, Any]:
    """The request with its defaults, without its pictures unless they are asked for."""
    told = asked.model_dump()
    for name in UNTOLD:
        if name in told:
            told[name] = {} if name == "alwayson_scripts" else None
    if isinstance(asked, Img2Img) and asked.include_init_images:
        told |= {"init_images": asked.init_images, "mask": asked.mask}
    return told
