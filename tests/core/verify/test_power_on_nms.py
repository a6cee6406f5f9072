"""Verification has power over files that suppress boxes themselves: a wrong end of the graph is a FAIL."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import NodeProto, TensorProto, helper

from halfpint.core.kinds import Kind
from halfpint.core.network.suppression import Suppression
from halfpint.core.precisions import FLOATS, FP32, Precision
from halfpint.core.shapes import InputShape
from halfpint.core.targets.contract import contract
from halfpint.core.targets.onnx.file import onnx_bytes
from halfpint.core.targets.provenance import Provenance
from halfpint.core.verify.answers import Answers
from halfpint.core.verify.evidence import Verdict
from halfpint.core.verify.full import judge
from halfpint.core.verify.probes import plan
from halfpint.core.verify.quick import inspect_quickly, judge_quickly, quick_plan
from halfpint.core.verify.report import Report
from halfpint.core.verify.subject import Subject
from halfpint.core.verify.trial import Trial, on_trial
from support.checkpoints import network_of
from support.targets import ONNX

pytestmark = pytest.mark.numbers

NMS = Suppression(0.25, 0.45, 60)
# For one size, it is large enough for a copy to be tried at small ones.
SHAPE, FIXED = InputShape(1, 3, 96, 128), InputShape(1, 3, 192, 256)


@pytest.fixture(scope="module")
def answers() -> Iterator[Answers]:
    with network_of(Path(__file__).parents[2] / "fixtures" / "yolov5" / "master-n.pt") as network:
        yield Answers(network)


def tried(
    answers: Answers,
    folder: Path,
    mutate: Callable[[onnx.ModelProto], None],
    precision: Precision = FP32,
    *,
    dynamic: bool = True,
    quickly: bool = False,
) -> Trial:
    """The trial of a file that was changed."""
    network, shape = answers.network, SHAPE if dynamic else FIXED
    promised = contract(network, shape, dynamic=dynamic, nms=NMS)
    data = onnx_bytes(network, promised, precision, 17, shape, Provenance("w.pt", "0" * 64))
    model = onnx.load_from_string(data)
    mutate(model)
    path = folder / "m.onnx"
    path.write_bytes(model.SerializeToString())
    subject = Subject((path,), Kind(ONNX, precision), shape, promised)
    return on_trial(subject, network, quick_plan(subject) if quickly else plan(subject, network.stride))


def verdict(report: Report, check: str) -> Verdict:
    return next(each.verdict for each in report.checks if each.name == check)


@pytest.mark.parametrize("dynamic", [True, False], ids=["dynamic", "static"])
@pytest.mark.parametrize("precision", FLOATS, ids=str)
def test_a_right_file(answers: Answers, tmp_path: Path, precision: Precision, dynamic: bool) -> None:
    report = judge(tried(answers, tmp_path, lambda _: None, precision, dynamic=dynamic), answers)
    assert report.verdict is Verdict.PASS, report.checks
    assert "are kept as NMS outside keeps them" in report.message_of("nms")
    shapes = {difference.shape for difference in report.differences}
    assert (SHAPE if dynamic else FIXED).dims in shapes and len(shapes) == (4 if dynamic else 3)


# ---- what is wrong


def the(model: onnx.ModelProto, kind: str) -> NodeProto:
    """The last node of its kind: that of the part that suppresses."""
    return [node for node in model.graph.node if node.op_type == kind][-1]


def number(model: onnx.ModelProto, name: str, value: object, type: int = TensorProto.FLOAT) -> str:
    """A further constant."""
    array = np.array(value, helper.tensor_dtype_to_np_dtype(type))
    model.graph.initializer.append(onnx.numpy_helper.from_array(array, name))
    return name


def ahead(model: onnx.ModelProto, of: NodeProto, index: int, kind: str, *further: str, **attributes: Any) -> None:
    """Put a node between another one and one of its inputs."""
    name = f"fault_{len(model.graph.node)}"
    place = list(model.graph.node).index(of)
    model.graph.node.insert(place, helper.make_node(kind, [of.input[index], *further], [name], **attributes))
    model.graph.node[place + 1].input[index] = name


def only_the_first_image(model: onnx.ModelProto) -> None:
    zero, one = (number(model, f"n{i}", [i], TensorProto.INT64) for i in (0, 1))
    for index in (0, 1):
        ahead(model, the(model, "NonMaxSuppression"), index, "Slice", zero, one, zero)


def every_image_s_into_the_first(model: onnx.ModelProto) -> None:
    ahead(model, the(model, "ScatterND"), 1, "Mul", number(model, "n", [[0, 1]], TensorProto.INT64))


def no_suppression_at_other_sizes(model: onnx.ModelProto) -> None:
    """As a file that was made for one size might have it."""
    nms = the(model, "NonMaxSuppression")
    own = number(model, "own", [3 * (12 * 16 + 6 * 8 + 3 * 4)], TensorProto.INT64)
    at = number(model, "at", [1], TensorProto.INT64)
    nodes = [
        helper.make_node("Shape", [nms.input[0]], ["f0"]),
        helper.make_node("Gather", ["f0", at], ["f1"], axis=0),
        helper.make_node("Equal", ["f1", own], ["f2"]),
        helper.make_node("Where", ["f2", nms.input[3], number(model, "never", [1.0])], ["f3"]),
    ]
    place = list(model.graph.node).index(nms)
    for node in reversed(nodes):
        model.graph.node.insert(place, node)
    the(model, "NonMaxSuppression").input[3] = "f3"


def one_more_counted(model: onnx.ModelProto) -> None:
    ahead(model, the(model, "ReduceSum"), 0, "Pad", number(model, "n", [0, 0, 0, 1], TensorProto.INT64), "one")
    number(model, "one", 1, TensorProto.INT64)


def counts_of_the_whole_batch(model: onnx.ModelProto) -> None:
    node = the(model, "ReduceSum")
    ahead(model, node, 0, "CumSum", number(model, "n", 0, TensorProto.INT64))


def classes_that_suppress_each_other(model: onnx.ModelProto) -> None:
    ahead(model, the(model, "NonMaxSuppression"), 1, "ReduceMax", axes=[1], keepdims=1)


def another_class_told(model: onnx.ModelProto) -> None:
    ahead(model, the(model, "Concat"), 2, "Sub", number(model, "n", 1.0))


def every_box_of_the_first_class(model: onnx.ModelProto) -> None:
    ahead(model, the(model, "Concat"), 2, "Mul", number(model, "n", 0.0))


def _reversed(model: onnx.ModelProto) -> None:
    """Turn the order of the detections round."""
    detections = model.graph.output[0].name
    made = next(node for node in model.graph.node if detections in node.output)
    made.output[0] = "forward"
    first, last, axis, step = (
        number(model, f"r{i}", [value], TensorProto.INT64) for i, value in enumerate((-1, -(2**31), 1, -1))
    )
    model.graph.node.append(helper.make_node("Slice", ["forward", first, last, axis, step], [detections]))


def threshold(index: int, value: float) -> Callable[[onnx.ModelProto], None]:
    def mutate(model: onnx.ModelProto) -> None:
        the(model, "NonMaxSuppression").input[index] = number(model, "threshold", value)

    mutate.__name__ = f"input_{index}_of_the_suppression_is_{value}"
    return mutate


def few_of_each_class(model: onnx.ModelProto) -> None:
    the(model, "NonMaxSuppression").input[2] = number(model, "few", 5, TensorProto.INT64)


def centers_for_corners(model: onnx.ModelProto) -> None:
    node = next(node for node in model.graph.node if node.op_type == "Sub")
    node.op_type = "Add"


def objectness_for_confidence(model: onnx.ModelProto) -> None:
    """The product with the class left out."""
    node = next(node for node in model.graph.node if any("ReduceMax" in name for name in node.input))
    node.input[1] = number(model, "n", 1.0)


def class_for_confidence(model: onnx.ModelProto) -> None:
    """The product with the objectness left out."""
    node = next(node for node in model.graph.node if any("ReduceMax" in name for name in node.input))
    node.input[0] = number(model, "n", 1.0)


def what_does_not_stay_left_in(model: onnx.ModelProto) -> None:
    """Rows behind the last detection that are not empty."""
    ahead(model, the(model, "GatherElements"), 0, "Add", number(model, "n", 1e-3))


def another_threshold_told(model: onnx.ModelProto) -> None:
    said = next(prop for prop in model.metadata_props if prop.key == "nms")
    said.value = json.dumps(asdict(Suppression(0.3, 0.45, NMS.max_det)))


FAULTS = [
    only_the_first_image,
    every_image_s_into_the_first,
    no_suppression_at_other_sizes,
    one_more_counted,
    counts_of_the_whole_batch,
    classes_that_suppress_each_other,
    another_class_told,
    every_box_of_the_first_class,
    threshold(3, 0.5),
    threshold(3, 0.4),
    threshold(4, 0.3),
    threshold(4, 0.2),
    few_of_each_class,
    centers_for_corners,
    objectness_for_confidence,
    class_for_confidence,
    what_does_not_stay_left_in,
]


@pytest.mark.one_in(4)
@pytest.mark.parametrize("precision", FLOATS, ids=str)
@pytest.mark.parametrize("mutate", FAULTS, ids=lambda mutate: mutate.__name__)
def test_a_wrong_end_of_the_graph(
    answers: Answers, tmp_path: Path, mutate: Callable[[onnx.ModelProto], None], precision: Precision
) -> None:
    report = judge(tried(answers, tmp_path, mutate, precision), answers)
    assert verdict(report, "nms") is Verdict.FAIL, report.checks
    assert "it suppresses boxes otherwise than NMS outside" in report.message_of("nms")
    # What comes before is right, and said to be.
    assert verdict(report, "accuracy") is Verdict.PASS


def test_an_order_turned_round(answers: Answers, tmp_path: Path) -> None:
    report = judge(tried(answers, tmp_path, _reversed), answers)
    assert verdict(report, "nms") is Verdict.FAIL


def test_thresholds_that_the_file_tells_otherwise(answers: Answers, tmp_path: Path) -> None:
    report = judge(tried(answers, tmp_path, another_threshold_told), answers)
    assert verdict(report, "contract") is Verdict.FAIL
    assert "the file says that it chooses boxes by" in report.message_of("contract")


@pytest.mark.parametrize("mutate", [threshold(3, 0.5), another_class_told, one_more_counted])
def test_the_quick_way_looks_too(answers: Answers, tmp_path: Path, mutate: Callable[[onnx.ModelProto], None]) -> None:
    trial = tried(answers, tmp_path, mutate, quickly=True)
    inspect_quickly(trial, answers.network)
    report = judge_quickly(trial, answers.network, None)
    assert verdict(report, "nms") is Verdict.FAIL


def test_a_wrong_network_before_a_right_end(answers: Answers, tmp_path: Path) -> None:
    def scale(model: onnx.ModelProto) -> None:
        tensor = next(t for t in model.graph.initializer if t.name == "model.4.cv3.conv.weight")
        array = onnx.numpy_helper.to_array(tensor) * np.float32(1.02)
        tensor.CopyFrom(onnx.numpy_helper.from_array(array.astype(np.float32), tensor.name))

    report = judge(tried(answers, tmp_path, scale), answers)
    assert verdict(report, "accuracy") is Verdict.FAIL and verdict(report, "nms") is Verdict.PASS


def test_an_end_that_cannot_be_taken_apart_is_no_pass(answers: Answers, tmp_path: Path) -> None:
    """The network's own answer has another name in it, so that nobody can look at it."""

    def rename(model: onnx.ModelProto) -> None:
        for node in model.graph.node:
            node.input[:] = ["hidden" if name == "output0" else name for name in node.input]
            node.output[:] = ["hidden" if name == "output0" else name for name in node.output]

    report = judge(tried(answers, tmp_path, rename), answers)
    assert verdict(report, "nms") is Verdict.FAIL
    assert "its answers before it suppresses boxes cannot be shown" in report.message_of("nms")
