"""Verification has power over maps: a DBNet file that is wrong in one place fails, and the mask tells what it means."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import onnx
import pytest
from onnx import numpy_helper

from halfpint.core.kinds import Kind
from halfpint.core.network.network import Network
from halfpint.core.precisions import FLOATS, FP32, Precision
from halfpint.core.shapes import InputShape
from halfpint.core.targets.contract import contract
from halfpint.core.targets.onnx.file import onnx_bytes
from halfpint.core.targets.provenance import Provenance
from halfpint.core.verify.answers import Answers
from halfpint.core.verify.evidence import Verdict
from halfpint.core.verify.full import judge
from halfpint.core.verify.probes import plan
from halfpint.core.verify.report import MaskChange, Report
from halfpint.core.verify.subject import Subject
from halfpint.core.verify.trial import on_trial
from support import dbnet
from support.checkpoints import network_of
from support.targets import ONNX

pytestmark = pytest.mark.numbers

SHAPE = InputShape(1, 3, 160, 96)
Mutation = Callable[[onnx.ModelProto], None]


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    with network_of(dbnet.checkpoint("proxylessnas")) as found:
        yield found


@pytest.fixture(scope="module")
def answers(network: Network) -> Answers:
    return Answers(network)


def verified(answers: Answers, folder: Path, mutate: Mutation, precision: Precision) -> Report:
    """The report on a dynamic file that was changed."""
    network = answers.network
    promised = contract(network, SHAPE, dynamic=True)
    model = onnx.load_from_string(onnx_bytes(network, promised, precision, 17, SHAPE, Provenance("w.pt", "0" * 64)))
    mutate(model)
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    subject = Subject((path,), Kind(ONNX, precision), SHAPE, promised)
    trial = on_trial(subject, network, plan(subject, network.stride))
    return judge(trial, answers)


def verdicts(report: Report) -> dict[str, Verdict]:
    return {check.name: check.verdict for check in report.checks}


@pytest.mark.parametrize("precision", FLOATS, ids=str)
def test_a_right_file_passes_every_check(answers: Answers, tmp_path: Path, precision: Precision) -> None:
    report = verified(answers, tmp_path, lambda _: None, precision)
    assert report.verdict is Verdict.PASS, report.checks
    assert {"accuracy", "power", "mask"} <= set(verdicts(report))
    assert len(report.changes) == len(report.differences) == 5
    told = report.to_dict()["changes"][0]
    assert (told["what"], told["threshold"], told["verdict"]) == ("mask", 0.3, "pass")


def scale_a_lateral(model: onnx.ModelProto) -> None:
    tensor = next(t for t in model.graph.initializer if t.name == "decoder.in5.weight")
    array = numpy_helper.to_array(tensor)
    tensor.CopyFrom(numpy_helper.from_array((array * 1.05).astype(array.dtype), tensor.name))


def smooth_an_enlargement(model: onnx.ModelProto) -> None:
    for attribute in next(node for node in model.graph.node if node.op_type == "Resize").attribute:
        if attribute.name == "mode":
            attribute.s = b"linear"


def forget_the_sigmoid(model: onnx.ModelProto) -> None:
    node = next(node for node in model.graph.node if list(node.output) == ["pred"])
    assert node.op_type == "Sigmoid"
    node.op_type = "Identity"


@pytest.mark.parametrize("mutate", [scale_a_lateral, smooth_an_enlargement, forget_the_sigmoid])
def test_wrong_answers_are_noticed(answers: Answers, tmp_path: Path, mutate: Mutation) -> None:
    assert verdicts(verified(answers, tmp_path, mutate, FP32))["accuracy"] is Verdict.FAIL


def test_a_mask_that_changes_is_told(answers: Answers, tmp_path: Path) -> None:
    report = verified(answers, tmp_path, forget_the_sigmoid, FP32)
    assert verdicts(report)["mask"] is not Verdict.PASS
    assert max(change.flipped for change in report.changes if isinstance(change, MaskChange)) > 0.01
