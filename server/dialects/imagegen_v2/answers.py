"""From a job to this API's answer: the same for whoever waited, and for GET /generations/{id} later."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pipelines.tasks import Description, Foreground, RestoredFaces
from server.dialects.imagegen_v2.spelled import STATUS_OF, cost, format_spelled, spelled
from server.images import Image
from server.jobs import Job
from server.spelling import moment

CANCELLED = {"code": "GENERATION_FAILED", "message": "The generation was cancelled."}
File = Mapping[str, Any]  # {"url": ...} or {"base64": ...} of an image


def generation(
    job: Job,
    files: Sequence[File],
    usd_per_credit: float,
    source: Description | None = None,
    seen: Sequence[Description | None] = (),
) -> dict[str, Any]:
    """files: of the job's images. source: what is to be said of the picture that was worked on. seen: of each image."""
    answer = {
        "id": spelled(job.id),
        "status": STATUS_OF[job.state],
        "created_at": moment(job.created),
        "completed_at": moment(job.ended) if job.ended else None,
        "model": job.model,
        "cost": cost(job.origin.said["credits"], usd_per_credit),
    }
    if not job.images:
        return answer | _without_images(job)
    shown = RESULTS[job.kind or ""](job, files)
    if "source_url" in job.origin.said:
        shown["source_image"] = {"url": job.origin.said["source_url"], "analysis": _analysis(source)}
    for entry, said in zip(shown.get("images", ()), seen, strict=False):
        entry |= {"nsfw_score": said and said.nsfw_score, "aesthetic_score": said and said.aesthetic_score}
    return answer | shown


def _without_images(job: Job) -> dict[str, Any]:
    if job.failure:
        return {"images": [], "error": {"code": "GENERATION_FAILED", "message": job.failure.sentence}}
    return {"images": []} if job.is_open else {"images": [], "error": CANCELLED}


def _drawn(job: Job, files: Sequence[File]) -> dict[str, Any]:
    """Of text-to-image, and what image-to-image and inpainting say of each picture beside."""
    said = job.origin.said
    images = [_image(image, file) | said["each"] for image, file in zip(job.images, files, strict=True)]
    return {"images": images, "metadata": said["metadata"]}


def _image(image: Image, file: File) -> dict[str, Any]:
    return {
        "id": spelled(image.id),
        **file,
        "width": image.width,
        "height": image.height,
        "size_bytes": image.size,
        "format": format_spelled(image.encoding.format),
        "seed": image.seed,
        "nsfw_score": None,
        "aesthetic_score": None,
    }


def _filtered(job: Job, files: Sequence[File]) -> dict[str, Any]:
    milliseconds = round(1000 * (job.ended - job.started)) if job.ended and job.started else None
    told = {"filters_applied": job.origin.said["filters"], "processing_time_ms": milliseconds}
    return {"processed_image": {**files[0], **told}}


def _cut_out(job: Job, files: Sequence[File]) -> dict[str, Any]:
    bounds = job.facts.bounds if isinstance(job.facts, Foreground) else None
    mask = files[1]["url"] if len(files) > 1 else None
    return {"result": {**files[0], "mask_url": mask, "foreground_bounds": bounds and box(bounds)}}


def _enlarged(job: Job, files: Sequence[File]) -> dict[str, Any]:
    width, height = job.origin.said["original"]
    faces = job.facts if isinstance(job.facts, RestoredFaces) else None
    details = {
        "faces_detected": faces and faces.found,
        "faces_enhanced": faces.restored if faces else 0,
        "quality_improvement_score": None,  # no model here measures it
    }
    result = {
        **files[0],
        "original_dimensions": {"width": width, "height": height},
        "upscaled_dimensions": {"width": job.images[0].width, "height": job.images[0].height},
        "enhancement_details": details,
    }
    return {"result": result}


def box(bounds: Sequence[int]) -> dict[str, int]:
    """bounds: left, top, right, bottom."""
    left, top, right, bottom = bounds
    return {"x": left, "y": top, "width": right - left, "height": bottom - top}


def _analysis(source: Description | None) -> dict[str, Any]:
    """style: null, because nothing here tells a photograph from a drawing."""
    return {
        "dominant_colors": [colour.hex.upper() for colour in source.colours] if source else [],
        "detected_objects": [each.name for each in source.objects] if source and source.objects is not None else None,
        "style": None,
    }


RESULTS: dict[str, Callable[[Job, Sequence[File]], dict[str, Any]]] = {
    "text_to_image": _drawn,
    "image_to_image": _drawn,
    "inpaint": _drawn,
    "filter": _filtered,
    "remove_background": _cut_out,
    "upscale": _enlarged,
}
