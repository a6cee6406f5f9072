"""Verification has power: each way of being wrong is caught, by the check that is meant to catch it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from halfpint.core.families import identify, open_weights
from halfpint.core.kinds import Kind
from halfpint.core.network.layers import Conv2d, Weights, layers_of
from halfpint.core.network.network import Network
from halfpint.core.precisions import FLOATS, FP16, FP32, Precision
from halfpint.core.shapes import InputShape
from halfpint.core.targets.contract import contract
from halfpint.core.targets.onnx.file import onnx_bytes
from halfpint.core.targets.onnx.loaded import LoadedOnnx
from halfpint.core.targets.provenance import Provenance
from halfpint.core.targets.torchscript.file import torchscript_bytes
from halfpint.core.verify.answers import Answers
from halfpint.core.verify.evidence import Verdict
from halfpint.core.verify.full import inspect, judge
from halfpint.core.verify.probes import Plan, plan
from halfpint.core.verify.report import Report
from halfpint.core.verify.subject import Subject
from halfpint.core.verify.trial import on_trial
from support.onnx import written
from support.targets import ONNX, TORCHSCRIPT

pytestmark = pytest.mark.numbers

SHAPE = InputShape(1, 3, 160, 96)
PROVENANCE = Provenance("tiny.pt", "0" * 64)
Mutation = Callable[[onnx.ModelProto], None]


class Bench:
    """A network, its reference, and a way to verify files that should be it."""

    def __init__(self, network: Network, folder: Path, shape: InputShape = SHAPE) -> None:
        self.network, self.folder, self.shape = network, folder, shape
        self.answers = Answers(network)

    def onnx(self, precision: Precision = FP32, *, dynamic: bool = True) -> onnx.ModelProto:
        promised = contract(self.network, self.shape, dynamic=dynamic)
        return onnx.load_from_string(onnx_bytes(self.network, promised, precision, 17, self.shape, PROVENANCE))

    def verify(self, data: bytes, kind: Kind, *, dynamic: bool = True) -> Report:
        path = self.folder / f"model{kind.suffix}"
        path.write_bytes(data)
        promised = contract(self.network, self.shape, dynamic=dynamic)
        subject = Subject((path,), kind, self.shape, promised if kind.target is ONNX else None)
        trial = on_trial(subject, self.network, plan(subject, self.network.stride))
        return judge(trial, self.answers)

    def mutated(self, mutate: Mutation, precision: Precision = FP32, *, dynamic: bool = True) -> Report:
        model = self.onnx(precision, dynamic=dynamic)
        mutate(model)
        return self.verify(model.SerializeToString(), Kind(ONNX, precision), dynamic=dynamic)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    tiny = Path(__file__).parents[2] / "fixtures" / "yolov5" / "master-n.pt"
    with open_weights(tiny) as archive:
        yield Bench(identify(archive).network(), tmp_path_factory.mktemp("bench"))


def verdicts(report: Report) -> dict[str, Verdict]:
    return {check.name: check.verdict for check in report.checks}


def edit(model: onnx.ModelProto, name: str, change: Callable[[np.ndarray], np.ndarray]) -> None:
    """Replace an initializer by a changed copy."""
    tensor = next(t for t in model.graph.initializer if t.name == name)
    tensor.CopyFrom(numpy_helper.from_array(change(numpy_helper.to_array(tensor).copy()), name))


# ---- what is right


@pytest.mark.parametrize("dynamic", [True, False], ids=["dynamic", "static"])
@pytest.mark.parametrize("precision", FLOATS, ids=str)
def test_a_right_onnx_file_passes_every_check(bench: Bench, precision: Precision, dynamic: bool) -> None:
    report = bench.mutated(lambda _: None, precision, dynamic=dynamic)
    assert report.verdict is Verdict.PASS, report.checks
    wanted = {"loads", "checker", "contract", "weights", "constants", "accuracy", "power", "detections"}
    wanted |= {"ranges", "rounding"} if precision == FP16 else set()
    assert set(verdicts(report)) == wanted
    # Boxes and confidences are judged apart, on two images at least.
    assert {d.component for d in report.differences} == {"boxes", "confidences"}
    assert len({d.seed for d in report.differences}) >= 2


@pytest.mark.parametrize("precision", FLOATS, ids=str)
def test_a_right_torchscript_file_passes_every_check(bench: Bench, precision: Precision) -> None:
    data = torchscript_bytes(bench.network, precision, SHAPE, PROVENANCE)
    report = bench.verify(data, Kind(TORCHSCRIPT, precision))
    assert report.verdict is Verdict.PASS, report.checks
    assert verdicts(report)["weights"] is Verdict.PASS
    assert {d.shape for d in report.differences} >= {(1, 3, 64, 128), (2, 3, 128, 64), (1, 3, 96, 96)}


# ---- what a file that was tried leaves behind


def test_an_answer_keeps_no_memory_of_its_runtime(bench: Bench) -> None:
    loaded = LoadedOnnx(bench.onnx().SerializeToString())
    answers = loaded.run(np.zeros(SHAPE.dims, np.float32))
    assert all(answer.flags.owndata for answer in answers)


@pytest.mark.parametrize("precision", FLOATS, ids=str)
def test_a_file_is_closed_once_it_was_inspected(bench: Bench, precision: Precision) -> None:
    path = bench.folder / "closed.onnx"
    path.write_bytes(bench.onnx(precision).SerializeToString())
    subject = Subject((path,), Kind(ONNX, precision), SHAPE, contract=None)
    trial = on_trial(subject, bench.network, plan(subject, bench.network.stride))
    inspect(trial, bench.network)
    assert trial.loaded is None
    inspected = trial.inspected
    assert [check.name for check in inspected] == ["weights", "constants", "checker"]
    report = judge(trial, bench.answers)
    assert [check for check in report.checks if check in inspected] == inspected


# ---- what is wrong


def swap_channels(model: onnx.ModelProto) -> None:
    edit(model, "model.0.conv.weight", lambda w: w[:, [2, 1, 0]])


def scale_a_layer(model: onnx.ModelProto) -> None:
    edit(model, "model.4.cv3.conv.weight", lambda w: (w * 1.02).astype(w.dtype))


def flip_a_weight(model: onnx.ModelProto) -> None:
    def flip(w: np.ndarray) -> np.ndarray:
        w.flat[np.abs(w).argmax()] *= -1
        return w

    edit(model, "model.6.cv1.conv.weight", flip)


@pytest.mark.parametrize("precision", FLOATS, ids=str)
@pytest.mark.parametrize("mutate", [swap_channels, scale_a_layer, flip_a_weight])
def test_wrong_weights(bench: Bench, mutate: Mutation, precision: Precision) -> None:
    report = bench.mutated(mutate, precision)
    assert verdicts(report)["weights"] is Verdict.FAIL


@pytest.mark.parametrize("mutate", [swap_channels, scale_a_layer])
def test_wrong_answers_are_noticed_without_looking_at_the_weights(bench: Bench, mutate: Mutation) -> None:
    report = bench.mutated(mutate)
    assert verdicts(report)["accuracy"] is Verdict.FAIL


def test_swapped_columns_of_the_answer(bench: Bench) -> None:
    def swap(model: onnx.ModelProto) -> None:
        for node in model.graph.node:
            if node.op_type == "Split" and len(node.output) == 3:
                node.output[0], node.output[1] = node.output[1], node.output[0]

    for precision in FLOATS:
        assert verdicts(bench.mutated(swap, precision))["accuracy"] is Verdict.FAIL


def baked(network: Network) -> bytes:
    """A file that claims to be dynamic, with the grids of the first probe's size as constants."""
    model = written(network, image=(1, 3, 64, 128))
    image, output = (port.type.tensor_type.shape.dim for port in (model.graph.input[0], model.graph.output[0]))
    for dim, name in ((image[0], "batch"), (image[2], "height"), (image[3], "width"), (output[0], "batch")):
        dim.dim_param = name
    return model.SerializeToString()


def test_a_size_baked_into_a_file_that_claims_to_be_dynamic(bench: Bench) -> None:
    report = bench.verify(baked(bench.network), Kind(ONNX, FP32))
    assert verdicts(report)["contract"] is Verdict.FAIL
    assert "output0 float32 batch×504×8" in report.message_of("contract")


def test_a_baked_size_fails_at_another_size(bench: Bench) -> None:
    path = bench.folder / "baked.onnx"
    path.write_bytes(baked(bench.network))
    subject = Subject((path,), Kind(ONNX, FP32), SHAPE, contract=None)
    trial = on_trial(subject, bench.network, plan(subject, bench.network.stride))
    report = judge(trial, bench.answers)
    assert verdicts(report)["runs"] is Verdict.FAIL


def test_a_baked_size_answers_wrongly_at_the_same_area(bench: Bench) -> None:
    """The probe that turns the first one's area is there for this: no shape is wrong, and every box is."""
    path = bench.folder / "baked.onnx"
    path.write_bytes(baked(bench.network))
    subject = Subject((path,), Kind(ONNX, FP32), SHAPE, contract=None)
    same_area = Plan(plan(subject, bench.network.stride).own[:2])
    trial = on_trial(subject, bench.network, same_area)
    report = judge(trial, bench.answers)
    assert verdicts(report)["accuracy"] is Verdict.FAIL
    by_shape = {d.shape: d.verdict for d in report.differences if d.component == "boxes"}
    assert by_shape == {(1, 3, 64, 128): Verdict.PASS, (2, 3, 128, 64): Verdict.FAIL}


def test_a_truncated_file(bench: Bench) -> None:
    data = bench.onnx().SerializeToString()
    report = bench.verify(data[: len(data) // 2], Kind(ONNX, FP32))
    assert verdicts(report) == {"loads": Verdict.FAIL}
    script = torchscript_bytes(bench.network, FP32, SHAPE, PROVENANCE)
    report = bench.verify(script[: len(script) // 2], Kind(TORCHSCRIPT, FP32))
    assert verdicts(report) == {"loads": Verdict.FAIL}


def test_another_contract_than_the_promised_one(bench: Bench) -> None:
    def rename(model: onnx.ModelProto) -> None:
        model.graph.output[0].name = "boxes"
        for node in model.graph.node:
            node.output[:] = ["boxes" if name == "output0" else name for name in node.output]

    def fix_batch(model: onnx.ModelProto) -> None:
        model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1

    for mutate in (rename, fix_batch):
        assert verdicts(bench.mutated(mutate))["contract"] is Verdict.FAIL


def test_an_answer_that_is_no_number(bench: Bench) -> None:
    report = bench.mutated(lambda model: edit(model, "model.24.m.0.bias", lambda b: np.full_like(b, np.nan)))
    assert verdicts(report)["outputs"] is Verdict.FAIL
    assert "NaN or infinite" in report.message_of("outputs")


def altered(network: Network, name: str, change: Callable[[Weights], Weights]) -> None:
    """Change a layer's weights in the network itself."""
    layer = next(layer for layer in layers_of(network.body) if layer.name == name)
    assert isinstance(layer, Conv2d)
    weights = change(layer.load())
    layer.__dict__.update(load=lambda: weights)


def test_values_beyond_fp16_that_the_cpu_hides(tiny: Path, tmp_path: Path) -> None:
    with open_weights(tiny) as archive:
        network = identify(archive).network()
        for layer in list(layers_of(network.body))[:1]:
            altered(network, layer.name, lambda w: Weights(w.weight * 1e4, w.bias * 1e4))
        bench = Bench(network, tmp_path)
        report = bench.mutated(lambda _: None, FP16)
        assert verdicts(report)["ranges"] is Verdict.FAIL
        assert "float16 ends at 65504" in report.message_of("ranges")


@pytest.mark.parametrize(("side", "verdict"), [(96, Verdict.WARN), (256, Verdict.FAIL)])
def test_values_beyond_fp16_at_the_own_size_alone(trained: Path, tmp_path: Path, side: int, verdict: Verdict) -> None:
    """This network's largest values are twice as large at 256×256 as on small images, where they fit."""
    with open_weights(trained) as archive:
        network = identify(archive).network()
        altered(network, "model.8.cv3.conv", lambda w: Weights(w.weight * 9000, w.bias * 9000))
        altered(network, "model.9.cv1.conv", lambda w: Weights(w.weight * (1 / 9000), w.bias))
        report = Bench(network, tmp_path, InputShape(1, 3, side, side)).mutated(lambda _: None, FP16, dynamic=False)
        assert verdicts(report)["ranges"] is verdict, report.message_of("ranges")


def test_a_network_that_does_not_look_at_its_input_cannot_be_verified(tiny: Path, tmp_path: Path) -> None:
    with open_weights(tiny) as archive:
        network = identify(archive).network()
        altered(network, "model.0.conv", lambda w: Weights(np.zeros_like(w.weight), w.bias))
        report = Bench(network, tmp_path).mutated(lambda _: None)
        assert verdicts(report)["power"] is Verdict.WARN
        assert report.verdict is Verdict.WARN
        assert report.message_of("power").startswith("cannot verify: the boxes and confidences")
