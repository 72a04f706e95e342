"""A network with the inputs and outputs of YuNet that takes bright spots for faces.

YuNet (OpenCV Zoo, face_detection_yunet_2023mar.onnx) divides a picture into cells of 8, 16 and 32 pixels, and says for
each cell four things: that it is a face (cls), that it is something (obj), where (bbox: middle less the cell's, log of
sides, in cells), and where eyes, nose and mouth are (kps).
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper

STRIDES = (8, 16, 32)
VALUES = {"cls": 1, "obj": 1, "bbox": 4, "kps": 10}


def bright_spots(folder: Path) -> Path:
    """Only cells of 32 pixels count: they are faces where they are bright, each as large as its cell."""
    nodes, constants, outputs = list[NodeProto](), list[TensorProto](), []
    for stride in STRIDES:
        nodes.append(
            helper.make_node(
                "AveragePool", ["input"], [f"mean{stride}"], kernel_shape=[stride] * 2, strides=[stride] * 2
            )
        )
        for name, count in VALUES.items():
            says_face = name in ("cls", "obj") and stride == STRIDES[-1]
            nodes += _head(f"{name}_{stride}", stride)
            constants += _constants(f"{name}_{stride}", count, 1 / 3 / 255 if says_face else 0)
    for name, count in VALUES.items():
        for stride in STRIDES:
            shape = [1, (640 // stride) ** 2, count]
            outputs.append(helper.make_tensor_value_info(f"{name}_{stride}", TensorProto.FLOAT, shape))
    picture = helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, 640, 640])
    graph = helper.make_graph(nodes, "bright spots", [picture], outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=7)
    onnx.save(model, folder / "face_detection_yunet_2023mar.onnx")
    return folder / "face_detection_yunet_2023mar.onnx"


def _head(name: str, stride: int) -> list[NodeProto]:
    """(1, 3, h, w) to (1, h * w, values)."""
    return [
        helper.make_node("Conv", [f"mean{stride}", f"{name}_weight"], [f"{name}_map"], kernel_shape=[1, 1]),
        helper.make_node("Transpose", [f"{name}_map"], [f"{name}_last"], perm=[0, 2, 3, 1]),
        helper.make_node("Reshape", [f"{name}_last", f"{name}_shape"], [name]),
    ]


def _constants(name: str, values: int, weight: float) -> list[TensorProto]:
    return [
        numpy_helper.from_array(np.full((values, 3, 1, 1), weight, np.float32), f"{name}_weight"),
        numpy_helper.from_array(np.array([1, -1, values], np.int64), f"{name}_shape"),
    ]
