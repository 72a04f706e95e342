"""What is said of a picture: by the host for itself, and by every describing network that is installed."""

from PIL import Image

from pipelines.analysis import dominant_colours, perceptual_hash, sharpness
from pipelines.canvas import picture_of
from pipelines.engine.running import Made, Prepared
from pipelines.preparing.host import on_host
from pipelines.registry import Registry
from pipelines.tasks import Describe, Description, Embedded
from pipelines.tools import Describers


def prepare_description(job_id: str, task: Describe, registry: Registry) -> Prepared:
    image, describers = picture_of(task.image), registry.tools.describers()

    def work() -> Made:
        return Made(facts=_described(image, describers, task.embedded))

    return on_host(job_id, work, image.width * image.height, lambda _, result: result)


def _described(image: Image.Image, by: Describers, embedded: Embedded | None) -> Description:
    plain = image.convert("RGB")
    return Description(
        colours=dominant_colours(image),
        perceptual_hash=perceptual_hash(image),
        sharpness=sharpness(image),
        faces=by.faces.faces(image),
        objects=by.objects.objects(plain) if by.objects else None,
        caption=by.caption.caption(plain) if by.caption else None,
        nsfw_score=by.safety.score(plain) if by.safety else None,
        aesthetic_score=by.aesthetic.score(plain) if by.aesthetic else None,
        embedded=embedded,
    )
