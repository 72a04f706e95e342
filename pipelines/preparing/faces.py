"""Faces: found on the host, drawn anew by a network where the task names one."""

from collections.abc import Sequence
from typing import Any

from PIL import Image

from pipelines.canvas import picture_of
from pipelines.engine.pool import PoolKey
from pipelines.engine.running import Made, Prepared
from pipelines.faces.restoration import Restored, with_faces_restored
from pipelines.one_shot import OneShot, OneShotPipeline
from pipelines.registry import Registry
from pipelines.tasks import Face, Picture, RestoredFaces, RestoreFaces

UNRESTORED = " faces"  # in the place of a model's id, which has no space

Asked = tuple[Image.Image, float]
Answer = tuple[tuple[Face, ...], Restored]


def prepare_faces(job_id: str, task: RestoreFaces, registry: Registry) -> Prepared:
    detector = registry.tools.face_detector()
    restorer = registry.tools.face_restorer(task.model) if task.model else None

    def run(asked: Sequence[Asked]) -> list[Answer]:
        found = [(image, strength, detector.faces(image)) for image, strength in asked]
        return [(faces, with_faces_restored(image, faces, restorer, strength)) for image, strength, faces in found]

    def finish(draft: Any, answer: Answer) -> Made:
        faces, restored = answer
        facts = RestoredFaces(faces, restored.found, restored.restored)
        picture = restored.picture
        by = task.model or task.made_by
        return Made(Picture(*picture.size, picture.tobytes(), None, picture.size, by), facts)

    image = picture_of(task.image)
    draft = OneShot(job_id, (image, task.strength), image.width * image.height)
    return Prepared(PoolKey(task.model or UNRESTORED, (), 0, 0), OneShotPipeline(run), [draft], 1, finish)
