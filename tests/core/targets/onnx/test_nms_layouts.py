"""NMS in a file, however boxes lie: mask weights and keypoints come with them, and prototypes beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from halfpint.core.errors import BadRequest
from halfpint.core.families.ultralytics.decoder import ColumnDecoder
from halfpint.core.families.yolov5.decoder import RowDecoder
from halfpint.core.images.synthetic import structured_batch
from halfpint.core.network.network import Network
from halfpint.core.network.result import Columns, Detections, Layout, Rows
from halfpint.core.network.suppression import Suppression, layout_of
from halfpint.core.precisions import FP16, FP32, Precision
from halfpint.core.precisions.dtype import FLOAT16, FLOAT32
from halfpint.core.shapes import InputShape
from halfpint.core.targets.contract import contract
from halfpint.core.targets.onnx.file import onnx_bytes
from halfpint.core.targets.onnx.graph import ElementType, Graph, Value
from halfpint.core.targets.onnx.loaded import LoadedOnnx
from halfpint.core.targets.onnx.tail import suppressed
from halfpint.core.targets.onnx.writer import Model, Port
from halfpint.core.targets.provenance import Provenance
from halfpint.core.verify.detections import survivors
from halfpint.core.verify.drawn_answers import KINDS, drawn_answer
from halfpint.core.verify.suppression import suppressed as held_against
from support.checkpoints import network_of
from support.onnx import to_proto

Array = NDArray[Any]

FIXTURES = Path(__file__).parents[3] / "fixtures"
OWN = InputShape(1, 3, 64, 96)
SOURCE = Provenance("w.pt", "0" * 64)
# The fixtures are untrained: at the first, some find hundreds of things in an image, and at the second no box hides
# another one.
NMS = Suppression(0.1, 0.5, 40)
NETWORKS = {
    "detect": "ultralytics/v8.0.100-yolov8n.pt",
    "segment": "ultralytics/yolo11n-seg.pt",
    "pose": "ultralytics/yolov8n-pose.pt",
    "YOLOv5 segment": "yolov5/master-n-seg.pt",
}


def kept_outside(network: Network, raw: list[Array]) -> Array:
    """The rows that NMS outside of the file keeps of an answer to one image."""
    assert isinstance(network.result, Detections)
    layout, decoder = layout_of(network, NMS), network.result.decoder
    # As float32 has them, so that those that are equal to it come in the order of their boxes here too.
    confidences = decoder.confidences(raw).astype(np.float32)
    which = np.flatnonzero(confidences > np.float32(NMS.confidence))
    boxes = decoder.boxes(raw, which)
    kept = survivors(boxes, confidences[which], NMS.iou, NMS.max_det)
    every = layout.rows(raw[0])[which[kept]]
    told = (boxes.corners[kept], confidences[which[kept], None], boxes.classes[kept, None])
    return np.concatenate((*told, every[:, every.shape[1] - layout.further :]), axis=1)


@pytest.mark.parametrize("name", NETWORKS)
def test_each_image_of_a_batch_keeps_what_nms_outside_keeps(name: str) -> None:
    with network_of(FIXTURES / NETWORKS[name]) as network:
        promised = contract(network, OWN, dynamic=True, nms=NMS)
        data = onnx_bytes(network, promised, FP32, 17, OWN, SOURCE)
        names = [output.name for output in network.outputs]
        assert LoadedOnnx(data).contract == promised
        answers = LoadedOnnx(data).showing(names).run(structured_batch(3, 96, 64, 0, 3))
    raw, (detected, counts, *others) = answers[: len(names)], answers[len(names) :]
    for index in range(3):
        expected = kept_outside(network, [output[index : index + 1] for output in raw])
        assert counts[index] == len(expected) > 0
        np.testing.assert_allclose(detected[index, : len(expected)], expected, rtol=1e-6, atol=1e-4)
        assert not detected[index, len(expected) :].any()
    for other, before in zip(others, raw[1:], strict=True):
        np.testing.assert_array_equal(other, before)


@pytest.mark.parametrize("opset", [11, 18])
@pytest.mark.parametrize(("precision", "io"), [(FP32, FLOAT32), (FP16, FLOAT16)], ids=["fp32", "fp16-ports"])
def test_prototypes_lie_beside_the_boxes_in_any_file(precision: Precision, io: Any, opset: int) -> None:
    with network_of(FIXTURES / NETWORKS["segment"]) as network:
        data = onnx_bytes(network, contract(network, OWN, io, dynamic=False, nms=NMS), precision, opset, OWN, SOURCE)
        onnx.checker.check_model(data, full_check=True)
        outputs = LoadedOnnx(data).contract.outputs
    assert [(port.name, port.dtype, port.dims) for port in outputs] == [
        ("detections", io.name, (1, 40, 38)),
        ("counts", "int64", (1,)),
        ("prototypes", io.name, (1, 32, 16, 24)),
    ]


@pytest.mark.parametrize(
    "layout", [Rows(3, masks=2), Columns(3), Columns(2, masks=4), Columns(1, points=2, dimensions=3)]
)
def test_drawn_answers(layout: Layout) -> None:
    """Things in several boxes, nothing, crowds, equal boxes: each is judged as right, and a fault is seen."""
    tail = tail_of(layout)
    decoder = (RowDecoder if isinstance(layout, Rows) else ColumnDecoder)(layout.classes)
    answer = drawn_answer(layout, NMS, 252, (64, 64), KINDS, 0)
    detected, counts = tail.run(answer)
    assert counts.sum() > NMS.max_det
    for index, (rows, count) in enumerate(zip(detected, counts, strict=True)):
        raw = [answer[index : index + 1]]
        assert held_against(decoder, layout, NMS, raw, rows, int(count)).wrong == ""
        if count and layout.further:
            rows[0, -1] += 0.5
            told = held_against(decoder, layout, NMS, raw, rows, int(count)).wrong
            assert told == "detection 0 is none of the boxes above the threshold"


def tail_of(layout: Layout) -> LoadedOnnx:
    """The part that suppresses, as a file of its own."""
    graph = Graph(17)
    raw = Port("raw", ElementType.FLOAT, ("batch", None, None))
    detected, counts = suppressed(graph, Value("raw", ElementType.FLOAT), layout, NMS)
    dims = ("batch", None, 6 + layout.further)
    ports = (Port(detected.name, detected.type, dims), Port(counts.name, counts.type, ("batch",)))
    return LoadedOnnx(to_proto(Model(graph, "tail", raw, ports, ("halfpint", "1"), {})).SerializeToString())


def test_turned_boxes_are_refused_with_the_reason() -> None:
    with (
        network_of(FIXTURES / "ultralytics/yolo11n-obb.pt") as network,
        pytest.raises(BadRequest, match="what NMS in a file compares are upright boxes"),
    ):
        layout_of(network, NMS)
