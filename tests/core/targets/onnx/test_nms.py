"""NMS in a file keeps what NMS outside keeps, for every image of every batch, at any size, whatever it was made for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from halfpint.core.errors import BadRequest
from halfpint.core.families.yolov5.decoder import RowDecoder
from halfpint.core.images.synthetic import structured_batch
from halfpint.core.network.network import Network
from halfpint.core.network.result import Boxes, Detections, Rows
from halfpint.core.network.suppression import Suppression
from halfpint.core.precisions import FLOATS, FP16, FP32, Precision
from halfpint.core.precisions.dtype import FLOAT16
from halfpint.core.shapes import InputShape
from halfpint.core.targets.contract import contract
from halfpint.core.targets.onnx.file import onnx_bytes
from halfpint.core.targets.onnx.graph import ElementType, Graph, Value
from halfpint.core.targets.onnx.loaded import LoadedOnnx
from halfpint.core.targets.onnx.sizer import OnnxSizer
from halfpint.core.targets.onnx.tail import suppressed
from halfpint.core.targets.onnx.writer import Model, Port
from halfpint.core.targets.provenance import Provenance
from halfpint.core.targets.target import Build
from halfpint.core.verify.detections import found, survivors
from halfpint.core.verify.drawn_answers import drawn_answer
from support.checkpoints import network_of
from support.onnx import to_proto

Array = NDArray[Any]

OWN = InputShape(1, 3, 96, 128)
SIZES = ((96, 128), (64, 64), (160, 96), (320, 320))
SOURCE = Provenance("w.pt", "0" * 64)
# So low that the trained detector finds things on every test image.
NMS = Suppression(0.02, 0.45, 300)


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    with network_of(Path(__file__).parents[3] / "fixtures" / "yolov5" / "shapes-n.pt") as network:
        yield network


def file_of(
    network: Network, nms: Suppression = NMS, *, precision: Precision = FP32, opset: int = 17, dynamic: bool = True
) -> bytes:
    """A file for one image of 96×128, or with dynamic axes."""
    return onnx_bytes(network, contract(network, OWN, dynamic=dynamic, nms=nms), precision, opset, OWN, SOURCE)


def tail_of(layout: Rows, nms: Suppression) -> LoadedOnnx:
    """The part that suppresses, as a file of its own."""
    graph = Graph(17)
    raw = Port("raw", ElementType.FLOAT, ("batch", "boxes", 5 + layout.classes))
    detected, counts = suppressed(graph, Value("raw", ElementType.FLOAT), layout, nms)
    ports = (Port(detected.name, detected.type, ("batch", None, 6)), Port(counts.name, counts.type, ("batch",)))
    model = Model(graph, "tail", raw, ports, ("halfpint", "1"), {})
    return LoadedOnnx(to_proto(model).SerializeToString())


def outside(raw: Array, nms: Suppression) -> Array:
    """The rows that NMS outside of the file keeps of an answer to one image (1×boxes×values).

    Confidences are float32's, so that those that are equal to it come in the order of their boxes here too.
    """
    decoder = RowDecoder(raw.shape[-1] - 5)
    confidences = raw[0, :, 4] * raw[0, :, 5:].max(1)
    which = np.flatnonzero(confidences > nms.confidence)
    boxes, above = decoder.boxes((raw,), which), confidences[which]
    classes = np.zeros_like(boxes.classes) if nms.agnostic else boxes.classes
    kept = survivors(Boxes(boxes.corners, classes), above, nms.iou, nms.max_det)
    return np.concatenate((boxes.corners[kept], above[kept, None], boxes.classes[kept, None]), axis=1)


def assert_same(answers: Sequence[Array], nms: Suppression) -> int:
    """Every image's detections are those of NMS outside, in its order; how many there are."""
    raw, detected, counts = answers
    assert detected.shape == (len(raw), nms.max_det, 6) and counts.shape == (len(raw),) and counts.dtype == np.int64
    for index, (rows, count) in enumerate(zip(detected, counts, strict=True)):
        expected = outside(raw[index : index + 1], nms)
        assert count == len(expected)
        np.testing.assert_allclose(rows[:count], expected, rtol=1e-6, atol=1e-4)
        np.testing.assert_array_equal(rows[:count, 5], expected[:, 5])
        assert not rows[count:].any()
    return int(counts.sum())


@pytest.mark.parametrize("precision", FLOATS, ids=str)
def test_a_file_made_at_batch_1_is_right_for_every_image_of_a_batch_at_every_size(
    network: Network, precision: Precision
) -> None:
    file = LoadedOnnx(file_of(network, precision=precision)).showing(["output0"])
    for size in SIZES:
        for batch in (1, 3, 16):
            answers = file.run(structured_batch(3, *size, batch, batch))
            total = assert_same(answers, NMS)
            assert total >= batch or size == (64, 64)
            assert (answers[2] > 0).sum() > batch // 2


def test_it_keeps_what_a_person_keeps(network: Network) -> None:
    """At the thresholds that verification takes, the detections are those of its reports."""
    assert isinstance(network.result, Detections)
    file = LoadedOnnx(file_of(network, Suppression(0.25, 0.45, 300))).showing(["output0"])
    raw, rows, counts = file.run(structured_batch(3, 320, 320, 0, 1))
    expected = found(network.result, (raw,), network.result.decoder.confidences((raw,)))
    assert counts[0] == len(expected.which) > 2
    np.testing.assert_allclose(rows[0, : counts[0], :4], expected.boxes.corners, rtol=0, atol=1e-3)


@pytest.mark.parametrize("opset", [11, 12, 13, 17, 18, 21])
@pytest.mark.parametrize("dynamic", [True, False], ids=["dynamic", "static"])
def test_every_opset(network: Network, opset: int, dynamic: bool) -> None:
    data = file_of(network, opset=opset, dynamic=dynamic)
    onnx.checker.check_model(data, full_check=True)
    assert assert_same(LoadedOnnx(data).showing(["output0"]).run(structured_batch(3, 96, 128, 0, 1)), NMS)


@pytest.mark.parametrize(
    "nms",
    [
        NMS,
        Suppression(0.25, 0.45, 300, agnostic=True),
        Suppression(0.25, 0.1, 7),
        Suppression(0.5, 0.9, 7, agnostic=True),
        Suppression(0.0, 0.45, 20),
        Suppression(1.0, 0.45, 20),
    ],
    ids=lambda nms: f"{nms.confidence:g}-{nms.iou:g}-{nms.max_det}-{nms.agnostic}",
)
@pytest.mark.parametrize("classes", [1, 3, 80])
def test_crowds_equal_boxes_and_empty_images(network: Network, nms: Suppression, classes: int) -> None:
    """On answers that are drawn: more boxes than may be given, boxes in the same place, nothing at all."""
    tail = tail_of(Rows(classes), nms)
    for boxes, size in ((252, (64, 64)), (1000, (160, 96))):
        for seed in range(4):
            answer = drawn_answer(Rows(classes), nms, boxes, size, 5, seed)
            total = assert_same((answer, *tail.run(answer)), nms)
            assert total > 0 or nms.confidence == 1


def test_nothing_is_found_in_nothing(network: Network) -> None:
    nothing = Suppression(0.9, 0.45, 300)
    detected, counts = LoadedOnnx(file_of(network, nothing)).run(np.zeros((3, 3, 64, 96), np.float32))
    assert detected.shape == (3, 300, 6) and not detected.any() and counts.tolist() == [0, 0, 0]


def test_what_it_gives_is_its_contract(network: Network) -> None:
    loaded = LoadedOnnx(file_of(network))
    assert loaded.contract == contract(network, OWN, dynamic=True, nms=NMS)
    static = LoadedOnnx(file_of(network, dynamic=False)).contract
    assert [(port.name, port.dtype, port.dims) for port in static.outputs] == [
        ("detections", "float32", (1, 300, 6)),
        ("counts", "int64", (1,)),
    ]
    assert static.nms == NMS


def test_fp16_outputs_are_rounded_at_the_very_end(network: Network) -> None:
    promised = contract(network, OWN, FLOAT16, dynamic=True, nms=NMS)
    data = onnx_bytes(network, promised, FP16, 17, OWN, SOURCE)
    onnx.checker.check_model(data, full_check=True)
    loaded = LoadedOnnx(data)
    image = structured_batch(3, 96, 128, 0, 1)
    given, counts = loaded.run(image)
    whole, same = LoadedOnnx(file_of(network, precision=FP16)).run(image)
    assert given.dtype == np.float16 and counts.dtype == np.int64 and counts.tolist() == same.tolist()
    np.testing.assert_array_equal(given, whole.astype(np.float16))


@pytest.mark.parametrize("dynamic", [True, False], ids=["dynamic", "static"])
@pytest.mark.parametrize("precision", FLOATS, ids=str)
def test_its_size_is_known_to_the_byte(network: Network, precision: Precision, dynamic: bool) -> None:
    sizer = OnnxSizer(network)
    for nms in (None, NMS, Suppression(0.25, 0.45, 10, agnostic=True)):
        build = Build(precision, OWN, precision.ports(half_io=False), dynamic=dynamic, nms=nms)
        promised = contract(network, OWN, dynamic=dynamic, nms=nms)
        data = onnx_bytes(network, promised, precision, 17, OWN, SOURCE)
        assert sizer.size(build, SOURCE).nbytes == len(data)


def test_other_networks_are_refused() -> None:
    from support import dbnet

    with network_of(dbnet.checkpoint("resnet18")) as network, pytest.raises(BadRequest, match="NMS is for boxes"):
        contract(network, OWN, dynamic=False, nms=NMS)
