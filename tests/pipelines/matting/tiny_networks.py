"""Networks in ONNX that do what is known beforehand: they give back one channel of what they are shown."""

from pathlib import Path

import onnx
from onnx import TensorProto, helper

SIDE = 32


def channel_network(
    folder: Path,
    name: str = "u2net.onnx",
    *,
    side: int | None = SIDE,
    batch: int | str = "pictures",
    channels: int = 3,
    inputs: int = 1,
    broken: bool = False,
) -> Path:
    """Gives its red channel; `broken`: the logarithm of it, which is no number where that is negative."""
    sides = [side, side] if side else ["height", "width"]
    shown = [
        helper.make_tensor_value_info(f"shown{each}", TensorProto.FLOAT, [batch, channels, *sides])
        for each in range(inputs)
    ]
    mask = helper.make_tensor_value_info("mask", TensorProto.FLOAT, [batch, 1, *sides])
    nodes = [
        helper.make_node("Slice", ["shown0", "start", "end", "axis"], ["red"]),
        helper.make_node("Log" if broken else "Identity", ["red"], ["mask"]),
    ]
    numbers = {"start": 0, "end": 1, "axis": 1}
    constants = [helper.make_tensor(key, TensorProto.INT64, [1], [value]) for key, value in numbers.items()]
    graph = helper.make_graph(nodes, "channel", shown, [mask], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, folder / name)
    return folder / name
