"""The quick verification looks at the weights that a file stores, and not at its answers alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from halfpint.core.kinds import Kind
from halfpint.core.network.network import Network
from halfpint.core.precisions import FLOATS, Precision
from halfpint.core.shapes import InputShape
from halfpint.core.targets.contract import contract
from halfpint.core.targets.onnx.file import onnx_bytes
from halfpint.core.targets.provenance import Provenance
from halfpint.core.verify.evidence import Verdict
from halfpint.core.verify.quick import inspect_quickly, judge_quickly, quick_plan
from halfpint.core.verify.report import Report
from halfpint.core.verify.subject import Subject
from halfpint.core.verify.trial import on_trial
from support.checkpoints import Checkpoint, checkpoints_in, network_of
from support.targets import ONNX

SHAPE = InputShape(1, 3, 64, 96)
WEIGHT, LIKE_IT = "model.6.m.0.cv1.conv.weight", "model.6.m.1.cv1.conv.weight"


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    folder = Path(__file__).parents[2] / "fixtures" / "yolov5"
    tiny: Checkpoint = next(c for c in checkpoints_in(folder) if c.name == "v6.0-s")
    with network_of(tiny.path) as network:
        yield network


def quickly(network: Network, folder: Path, precision: Precision, mutate: Callable[[onnx.ModelProto], None]) -> Report:
    promised = contract(network, SHAPE, dynamic=False)
    data = onnx_bytes(network, promised, precision, 17, SHAPE, Provenance("tiny.pt", "0" * 64))
    model = onnx.load_from_string(data)
    mutate(model)
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    subject = Subject((path,), Kind(ONNX, precision), SHAPE, promised)
    trial = on_trial(subject, network, quick_plan(subject))
    inspect_quickly(trial, network)
    assert trial.loaded is None
    return judge_quickly(trial, network, None)


def verdicts(report: Report) -> dict[str, Verdict]:
    return {check.name: check.verdict for check in report.checks}


def nothing(model: onnx.ModelProto) -> None:
    pass


def nudged(model: onnx.ModelProto) -> None:
    """One weight is off by one unit in its last place."""
    tensor = next(t for t in model.graph.initializer if t.name == WEIGHT)
    array = numpy_helper.to_array(tensor).copy()
    array.flat[0] = np.nextafter(array.flat[0], array.dtype.type(9))
    tensor.CopyFrom(numpy_helper.from_array(array, WEIGHT))


def shared(model: onnx.ModelProto) -> None:
    """Two layers read one initializer, as if both had its name."""
    for node in model.graph.node:
        for index, name in enumerate(node.input):
            if name == WEIGHT:
                node.input[index] = LIKE_IT
    kept = [t for t in model.graph.initializer if t.name != WEIGHT]
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)


@pytest.mark.parametrize("precision", FLOATS, ids=str)
def test_a_right_file(network: Network, tmp_path: Path, precision: Precision) -> None:
    report = quickly(network, tmp_path, precision, nothing)
    assert verdicts(report) == dict.fromkeys(("loads", "contract", "weights", "constants", "outputs"), Verdict.PASS)


@pytest.mark.parametrize("mutate", [nudged, shared])
@pytest.mark.parametrize("precision", FLOATS, ids=str)
def test_wrong_weights(
    network: Network, tmp_path: Path, precision: Precision, mutate: Callable[[onnx.ModelProto], None]
) -> None:
    report = quickly(network, tmp_path, precision, mutate)
    assert report.verdict is Verdict.FAIL
    assert WEIGHT in report.message_of("weights")
