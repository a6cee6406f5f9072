"""Verification has power over files for one size: a copy answers at other sizes, and every constant is looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

from halfpint.core.kinds import Kind
from halfpint.core.network.layers import Constant, layers_of
from halfpint.core.network.network import Network
from halfpint.core.precisions import FLOATS, FP32, Precision
from halfpint.core.readings.size_constants import ShapeConstant, size_constants
from halfpint.core.shapes import InputShape
from halfpint.core.targets.contract import contract
from halfpint.core.targets.onnx.file import onnx_bytes
from halfpint.core.targets.provenance import Provenance
from halfpint.core.verify.answers import Answers
from halfpint.core.verify.checks.constants import check_constants, value_of
from halfpint.core.verify.evidence import Evidence, Verdict
from halfpint.core.verify.full import judge
from halfpint.core.verify.probes import plan
from halfpint.core.verify.report import Report
from halfpint.core.verify.subject import Subject
from halfpint.core.verify.trial import on_trial
from support import witness as w
from support.checkpoints import network_of
from support.targets import ONNX

pytestmark = pytest.mark.numbers

Mutation = Callable[[onnx.ModelProto], None]
# Large enough for small probes on a copy; no two maps of it have equal sides.
SIZES = {"plain": (192, 256), "attention": (48, 64)}


@pytest.fixture(scope="module")
def answers(tiny_path: Path, attention_path: Path) -> Iterator[Mapping[str, Answers]]:
    """The reference of a detector, and of one with attention between its cells (C3TR)."""
    with network_of(tiny_path) as plain, network_of(attention_path) as attention:
        yield {"plain": Answers(plain), "attention": Answers(attention)}


@pytest.fixture(scope="module")
def tiny_path() -> Path:
    return Path(__file__).parents[2] / "fixtures" / "yolov5" / "master-n.pt"


@pytest.fixture(scope="module")
def attention_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    layers = [
        (-1, w.Conv(3, 16, 3, 2)),
        (-1, w.C3TR(16, 32)),
        (-1, w.Conv(32, 24, 3, 2)),
        ([1, 2], w.Detect(2, (2, 4), (32, 24))),
    ]
    model = w.DetectionModel(layers, 2, 4)
    w.settled(model, (24, 40))
    path = tmp_path_factory.mktemp("attention") / "attention.pt"
    w.save(model, path)
    return path


def verified(answers: Answers, path: Path, size: tuple[int, int], mutate: Mutation, precision: Precision) -> Report:
    """The report on a file for one size that was changed."""
    network: Network = answers.network
    shape = InputShape(1, 3, *size)
    promised = contract(network, shape, dynamic=False)
    provenance = Provenance("w.pt", "0" * 64)
    model = onnx.load_from_string(onnx_bytes(network, promised, precision, 17, shape, provenance))
    mutate(model)
    path.write_bytes(model.SerializeToString())
    subject = Subject((path,), Kind(ONNX, precision), shape, promised)
    trial = on_trial(subject, network, plan(subject, network.stride))
    return judge(trial, answers)


def verdicts(report: Report) -> dict[str, Verdict]:
    return {check.name: check.verdict for check in report.checks}


def edit(model: onnx.ModelProto, name: str, change: Callable[[np.ndarray], np.ndarray]) -> None:
    """Replace an initializer by a changed copy."""
    tensor = next(t for t in model.graph.initializer if t.name == name)
    tensor.CopyFrom(numpy_helper.from_array(change(numpy_helper.to_array(tensor).copy()), name))


@pytest.mark.parametrize("precision", FLOATS, ids=str)
@pytest.mark.parametrize("which", SIZES)
def test_a_right_file_is_tried_at_its_own_size_and_at_others(
    answers: Mapping[str, Answers], tmp_path: Path, which: str, precision: Precision
) -> None:
    report = verified(answers[which], tmp_path / "m.onnx", SIZES[which], lambda _: None, precision)
    assert report.verdict is Verdict.PASS, report.checks
    stride = answers[which].network.stride
    small = {(1, 3, 2 * stride, 4 * stride), (2, 3, 4 * stride, 2 * stride)}
    assert {d.shape for d in report.differences} == {(1, 3, *SIZES[which]), *small}


# ---- what is wrong


def move_a_cell(model: onnx.ModelProto) -> None:
    def move(grid: np.ndarray) -> np.ndarray:
        grid[0, 100] += 1
        return grid

    edit(model, "grid_0", move)


def swap_rows_and_columns(model: onnx.ModelProto) -> None:
    edit(model, "grid_1", lambda grid: grid[::-1].copy())


def count_from_one(model: onnx.ModelProto) -> None:
    edit(model, "grid_2", lambda grid: grid + 1)


def take_the_grid_of_the_turned_size(model: onnx.ModelProto) -> None:
    cells = np.indices((32, 24), np.float32)[::-1].reshape(2, -1)
    edit(model, "grid_0", lambda _: cells - np.float32(0.5))


def round_an_anchor(model: onnx.ModelProto) -> None:
    edit(model, "model.24.anchors.1", lambda anchors: anchors * np.float32(1.001))


@pytest.mark.parametrize("precision", FLOATS, ids=str)
@pytest.mark.parametrize(
    "mutate",
    [move_a_cell, swap_rows_and_columns, count_from_one, take_the_grid_of_the_turned_size, round_an_anchor],
)
def test_a_wrong_constant(
    answers: Mapping[str, Answers], tmp_path: Path, mutate: Mutation, precision: Precision
) -> None:
    report = verified(answers["plain"], tmp_path / "m.onnx", SIZES["plain"], mutate, precision)
    assert verdicts(report)["constants"] is Verdict.FAIL
    assert "is not what it must be" in report.message_of("constants")


@pytest.mark.parametrize("mutate", [swap_rows_and_columns, count_from_one, take_the_grid_of_the_turned_size])
def test_wrong_grids_are_noticed_in_the_answers_too(
    answers: Mapping[str, Answers], tmp_path: Path, mutate: Mutation
) -> None:
    report = verified(answers["plain"], tmp_path / "m.onnx", SIZES["plain"], mutate, FP32)
    assert verdicts(report)["accuracy"] is Verdict.FAIL
    # What is wrong is the own size's: the copy, at sizes of its own, is right.
    wrong = {d.shape for d in report.differences if d.verdict is Verdict.FAIL}
    assert wrong == {(1, 3, *SIZES["plain"])}


@pytest.mark.parametrize("precision", FLOATS, ids=str)
def test_wrong_dimensions_of_a_reshape(answers: Mapping[str, Answers], tmp_path: Path, precision: Precision) -> None:
    def turn(model: onnx.ModelProto) -> None:
        edit(model, "shape_0", lambda dims: dims[[0, 1, 3, 2]])

    report = verified(answers["attention"], tmp_path / "m.onnx", SIZES["attention"], turn, precision)
    assert verdicts(report) == {"loads": Verdict.FAIL}  # ONNX Runtime itself sees that the residual does not fit


def test_dimensions_are_constants_too(answers: Mapping[str, Answers]) -> None:
    network, shape = answers["attention"].network, InputShape(1, 3, *SIZES["attention"])
    constants = size_constants(network, shape.dims)
    assert ShapeConstant("shape_0", (0, 16, 24, 32)) in constants
    stored = {constant.name: value_of(constant) for constant in constants}
    stored |= {layer.name: layer.value for layer in layers_of(network.body) if isinstance(layer, Constant)}
    (right,) = check_constants(network, stored, shape)
    assert right == Evidence("constants", Verdict.PASS, f"all {len(stored)} constants are right, bit for bit")
    (wrong,) = check_constants(network, stored | {"shape_0": np.array([0, 16, 32, 24])}, shape)
    assert (wrong.verdict, wrong.message.partition(" ")[0]) == (Verdict.FAIL, "shape_0")


def scale_a_layer(model: onnx.ModelProto) -> None:
    edit(model, "model.4.cv3.conv.weight", lambda weight: (weight * 1.02).astype(weight.dtype))


def swap_columns(model: onnx.ModelProto) -> None:
    for node in model.graph.node:
        if node.op_type == "Split" and len(node.output) == 3:
            node.output[0], node.output[1] = node.output[1], node.output[0]


@pytest.mark.parametrize("mutate", [scale_a_layer, swap_columns])
def test_a_wrong_network_is_wrong_at_every_size(
    answers: Mapping[str, Answers], tmp_path: Path, mutate: Mutation
) -> None:
    report = verified(answers["plain"], tmp_path / "m.onnx", SIZES["plain"], mutate, FP32)
    assert verdicts(report)["accuracy"] is Verdict.FAIL
    assert {d.shape for d in report.differences if d.verdict is Verdict.FAIL} == {d.shape for d in report.differences}


def test_a_size_baked_in_unnoticed_keeps_the_copy_from_running(answers: Mapping[str, Answers], tmp_path: Path) -> None:
    """As a simplifier leaves it: then the file answers two images of its own size."""

    def rename(model: onnx.ModelProto) -> None:
        next(t for t in model.graph.initializer if t.name == "grid_0").name = "folded"
        for node in model.graph.node:
            node.input[:] = ["folded" if name == "grid_0" else name for name in node.input]

    report = verified(answers["plain"], tmp_path / "m.onnx", SIZES["plain"], rename, FP32)
    assert report.verdict is Verdict.PASS, report.checks
    assert {(d.shape, d.seed) for d in report.differences} == {((1, 3, *SIZES["plain"]), seed) for seed in (0, 1)}
