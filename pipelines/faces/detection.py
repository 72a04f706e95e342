"""Where faces are: by a Haar cascade that OpenCV brings along, or by YuNet where its .onnx file is given."""

from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipelines.errors import WeightsRefused
from pipelines.tasks import Face
from pipelines.weights import check_file

Pixels = NDArray[np.uint8]

SIDE = 1024  # pixels of the longer side, to which larger pictures are reduced: faces that are small there go unseen
CASCADE = "haarcascade_frontalface_default.xml"
LEAST_FACE = 24  # pixels, what the cascade was trained on
GROWTH, NEIGHBOURS = 1.1, 5  # from one size of faces to the next; how many hits make a face
SURE, OVERLAP, MOST = 0.7, 0.3, 200  # of YuNet: least score, most overlap of two faces, faces in a picture


class Detector(Protocol):
    """Any picture to its faces, the largest first."""

    def faces(self, image: Image.Image) -> tuple[Face, ...]: ...


class HaarDetector:
    """Viola and Jones, 2001 ("Rapid Object Detection using a Boosted Cascade of Simple Features"); frontal faces."""

    def __init__(self) -> None:
        folder = cv2.data.haarcascades  # type: ignore[attr-defined]  # which its stubs leave out
        self._cascade = cv2.CascadeClassifier(f"{folder}{CASCADE}")

    def faces(self, image: Image.Image) -> tuple[Face, ...]:
        small = _reduced(image)
        if min(small.size) < LEAST_FACE:
            return ()
        found = self._cascade.detectMultiScale(
            np.asarray(small.convert("L")), GROWTH, NEIGHBOURS, minSize=(LEAST_FACE, LEAST_FACE)
        )
        return _faces([(*box, None) for box in np.asarray(found).reshape(-1, 4).tolist()], small.size, image.size)


class YunetDetector:
    """YuNet (Wu, Peng and Yu, 2023, doi 10.1007/s11633-023-1423-y), through OpenCV. Raises WeightsRefused."""

    def __init__(self, file: Path) -> None:
        check_file(file)
        try:
            self._network = cv2.FaceDetectorYN.create(str(file), "", (64, 64), SURE, OVERLAP, MOST)
            self._network.detect(np.zeros((64, 64, 3), np.uint8))  # a network of another kind fails here at the latest
        except cv2.error as error:
            raise WeightsRefused(f"The model {file.name} is no YuNet in ONNX, or not whole.", field="model") from error

    def faces(self, image: Image.Image) -> tuple[Face, ...]:
        small = _reduced(image)
        self._network.setInputSize(small.size)
        _, found = self._network.detect(np.ascontiguousarray(np.asarray(small.convert("RGB"))[..., ::-1]))
        rows = [] if found is None else found[:, [0, 1, 2, 3, -1]].tolist()  # between them, eyes, nose and mouth
        return _faces(rows, small.size, image.size)


def load_detector(file: Path | None) -> Detector:
    """YuNet from an .onnx file; the Haar cascade where there is none. Raises WeightsRefused."""
    return YunetDetector(file) if file else HaarDetector()


def _reduced(image: Image.Image) -> Image.Image:
    small = image.convert("RGB")
    small.thumbnail((SIDE, SIDE), Image.Resampling.BILINEAR)
    return small


def _faces(
    rows: list[tuple[float, float, float, float, float | None]], seen: tuple[int, int], size: tuple[int, int]
) -> tuple[Face, ...]:
    """Rows of left, top, width, height and score in a picture of the size `seen`, as boxes in the picture itself."""
    across, down = size[0] / seen[0], size[1] / seen[1]
    faces = []
    for left, top, width, height, score in rows:
        box = (
            max(0, round(left * across)),
            max(0, round(top * down)),
            min(size[0], round((left + width) * across)),
            min(size[1], round((top + height) * down)),
        )
        if box[0] < box[2] and box[1] < box[3]:
            faces.append(Face(box, score))
    return tuple(sorted(faces, key=_area, reverse=True))


def _area(face: Face) -> int:
    left, top, right, bottom = face.box
    return (right - left) * (bottom - top)
