"""A float32 model becomes INT8 as far as its answers bear it: forms, sensitivities, the way back, the budget."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper, numpy_helper

from halfpint.core.errors import BadRequest, JobFailed
from halfpint.core.images.synthetic import structured_image
from halfpint.core.targets.budget import Budget, Loss
from halfpint.core.targets.loaded import Runner
from halfpint.core.targets.onnx.int8.forms import Form
from halfpint.core.targets.onnx.int8.gather import gather
from halfpint.core.targets.onnx.int8.layers import layers_of
from halfpint.core.targets.onnx.int8.qdq import Quantiser
from halfpint.core.targets.onnx.int8.quantise import Quantised, quantise
from halfpint.core.targets.onnx.int8.ranges import candidates
from halfpint.core.targets.onnx.int8.scheme import Machine, Scheme, scheme_for
from halfpint.core.targets.onnx.int8.sensitivity import Sensitivity, tensors_of
from halfpint.core.targets.onnx.int8.walk import forms_after, walk
from halfpint.core.targets.onnx.loaded import LoadedOnnx
from support import dbnet
from support.checkpoints import network_of
from support.onnx import written

Array = NDArray[Any]

IMAGES = [structured_image(3, 64, 96, seed) for seed in range(6)]
CPU = scheme_for(Machine.CPU, frozenset(["avx512_vnni"]))


def images() -> Iterator[Array]:
    return iter(IMAGES)


@pytest.fixture(scope="module")
def detector() -> ModelProto:
    with network_of(Path(__file__).parents[4] / "fixtures" / "yolov5" / "master-n.pt") as network:
        return written(network)


@pytest.fixture(scope="module")
def text_detector() -> ModelProto:
    with network_of(dbnet.checkpoint("resnet18")) as network:
        return written(network)


@pytest.fixture(scope="module")
def small() -> ModelProto:
    """Four convolutions with SiLU between them, and a sigmoid that stands for a decoding."""
    random, nodes, weights, x = np.random.default_rng(0), list[onnx.NodeProto](), dict[str, Array](), "images"
    for index, (inner, outer) in enumerate(zip((3, 16, 64, 64), (16, 64, 64, 32), strict=True)):
        name = f"conv{index}"
        weights[f"{name}.weight"] = random.normal(0, (2 / 9 / inner) ** 0.5, (outer, inner, 3, 3))
        weights[f"{name}.bias"] = random.normal(0, 0.1, outer)
        nodes.append(
            helper.make_node("Conv", [x, f"{name}.weight", f"{name}.bias"], [name], name, pads=[1] * 4, strides=[2, 2])
        )
        last = index == 3
        nodes.append(helper.make_node("Sigmoid", [name], ["output0" if last else f"{name}/s"]))
        if not last:
            nodes.append(helper.make_node("Mul", [name, f"{name}/s"], [x := f"{name}/silu"]))
    ports = [
        helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, 64, 96]),
        helper.make_tensor_value_info("output0", TensorProto.FLOAT, [1, 32, 4, 6]),
    ]
    tensors = [numpy_helper.from_array(array.astype(np.float32), name) for name, array in weights.items()]
    made = helper.make_graph(nodes, "g", ports[:1], ports[1:], tensors)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def apart(answer: Sequence[Array], exact: Sequence[Array]) -> float:
    return float(sum(np.square(y - x).mean() / np.square(x).mean() for y, x in zip(answer, exact, strict=True)))


def in_form(model: ModelProto, form: Form, scheme: Scheme = CPU) -> ModelProto:
    """All layers in a form, where there is 8-bit arithmetic for them."""
    layers = layers_of(model)
    found = gather(model, tensors_of(layers), images)
    ranges = {name: candidates(h, scheme)["min-max"] for name, h in found.histograms.items()}
    forms = {layer.name: form if layer.served or form is not Form.INT8 else Form.INT8_WEIGHTS for layer in layers}
    return Quantiser(model, layers, scheme).model(forms, ranges)


def answers(model: ModelProto) -> list[tuple[Array, ...]]:
    loaded = LoadedOnnx(model.SerializeToString())
    return [loaded.run(image) for image in IMAGES]


def off(model: ModelProto, other: ModelProto) -> float:
    return float(np.mean([apart(y, x) for y, x in zip(answers(other), answers(model), strict=True)]))


def kernels(model: ModelProto, tmp_path: Path) -> Counter[str]:
    """What ONNX Runtime makes of a model's nodes."""
    options, path = onnxruntime.SessionOptions(), tmp_path / "optimized.onnx"
    options.optimized_model_filepath, options.log_severity_level = str(path), 4
    onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return Counter(node.op_type for node in onnx.load(path).graph.node)


def within(model: ModelProto, most: float) -> Budget:
    """A budget of a hundred times the mean square error, in units of the answers' own mean square."""

    exact = answers(model)

    def loss(runner: Runner) -> Loss:
        found = [apart(runner.run(image), x) for image, x in zip(IMAGES, exact, strict=True)]
        return Loss.of(100 * float(np.mean(found)))

    return Budget(most, loss, apart)


# ---- forms


@pytest.mark.parametrize("scheme", [scheme_for(machine, None) for machine in Machine], ids=lambda s: str(s.machine))
def test_every_form_is_sound_and_a_smaller_one_is_further_off(small: ModelProto, scheme: Scheme) -> None:
    distances = list[float]()
    for form in (Form.FP16_WEIGHTS, Form.INT8_WEIGHTS, Form.INT8):
        made = in_form(small, form, scheme)
        onnx.checker.check_model(made, full_check=True)
        graph = 15_000  # bytes of nodes, names, steps, and biases
        assert made.ByteSize() < 65_000 * form.weight_nbytes + graph
        distances.append(off(small, made))
    assert distances == sorted(distances)
    assert distances[-1] < 0.05  # what is left of an answer's variance where everything is in 8 bits


def test_onnx_runtime_computes_each_form_as_it_says(detector: ModelProto, tmp_path: Path) -> None:
    count, own = len(layers_of(detector)), kernels(detector, tmp_path)
    assert kernels(in_form(detector, Form.INT8), tmp_path)["QLinearConv"] == count
    for form in (Form.INT8_WEIGHTS, Form.FP16_WEIGHTS):
        found = kernels(in_form(detector, form), tmp_path)
        assert found["Conv"] + found["FusedConv"] == count
        # The weights were made when the file was loaded: they cost nothing in a run.
        assert not found["DequantizeLinear"] and found["Cast"] == own["Cast"]


def test_a_clamp_is_part_of_its_layer_and_a_transposed_convolution_stays_float(
    text_detector: ModelProto, tmp_path: Path
) -> None:
    layers = layers_of(text_detector)
    made = in_form(text_detector, Form.INT8)
    assert {layer.kind for layer in layers if not layer.served} == {"ConvTranspose"}
    found = kernels(made, tmp_path)
    assert found["QLinearConv"] == sum(layer.served for layer in layers)
    assert found["ConvTranspose"] == sum(not layer.served for layer in layers)
    assert off(text_detector, made) < 0.05


def test_matrix_products_are_layers_and_a_softmax_is_not_quantised() -> None:
    random = np.random.default_rng(0)
    weights = {
        "w": random.normal(size=(8, 3, 3, 3)),
        "m": random.normal(size=(8, 16)),
        "g": random.normal(size=(5, 16)),
        "bias": random.normal(size=5),
        "bins": np.arange(5.0).reshape(5, 1),
    }
    nodes = [
        helper.make_node("Conv", ["images", "w"], ["c"], name="conv"),
        helper.make_node("ReduceMean", ["c"], ["r"], axes=[2, 3], keepdims=0),
        helper.make_node("MatMul", ["r", "m"], ["a"], name="product"),
        helper.make_node("Gemm", ["a", "g", "bias"], ["b"], name="gemm", transB=1),
        helper.make_node("Softmax", ["b"], ["s"]),
        helper.make_node("MatMul", ["s", "bins"], ["output0"], name="expectation"),
    ]
    ports = [
        helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, 64, 96]),
        helper.make_tensor_value_info("output0", TensorProto.FLOAT, [1, 1]),
    ]
    tensors = [numpy_helper.from_array(array.astype(np.float32), name) for name, array in weights.items()]
    made = helper.make_graph(nodes, "g", ports[:1], ports[1:], tensors)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    # What follows a softmax is an expectation, the decoding of a distance: its weights are not to be touched.
    assert [(layer.name, layer.axis) for layer in layers_of(model)] == [("conv", 0), ("product", 1), ("gemm", 0)]
    quantised = in_form(model, Form.INT8)
    onnx.checker.check_model(quantised, full_check=True)
    assert off(model, quantised) < 0.05


# ---- the way back to float


def test_the_step_that_brings_most_for_its_cost_comes_first(detector: ModelProto) -> None:
    layers = layers_of(detector)
    sizes = dict.fromkeys((layer.y for layer in layers), 100)
    first, last = layers[0].name, layers[-1].name
    moves = {layer.name: Sensitivity(1e-6, 1e-9) for layer in layers}
    moves |= {last: Sensitivity(1.0, 0.0), first: Sensitivity(0.5, 0.5)}
    steps = list(walk(layers, moves, sizes))
    assert next(step.form for step in steps if step.layer == last) is Form.INT8_WEIGHTS  # its weights do no harm
    assert [step.form for step in steps if step.layer == first] == [Form.FP16_WEIGHTS]
    assert steps[0].layer in (first, last)
    # In the end all are float.
    assert set(forms_after(layers, steps).values()) == {Form.FP16_WEIGHTS}
    assert sum(step.brought for step in steps) == pytest.approx(sum(s.whole for s in moves.values()))
    assert sum(step.nbytes for step in steps) == sum(layer.weights for layer in layers)


# ---- the budget


def quantised(model: ModelProto, most: float) -> Quantised:
    return quantise(model, images, within(model, most), CPU)


def test_a_smaller_budget_keeps_more_in_float_and_is_kept(small: ModelProto) -> None:
    loose = quantised(small, 50.0)
    most = loose.trade.loss.points / 10
    tight = quantised(small, most)
    assert loose.trade.tries[0].steps == 0 and not loose.trade.in_float
    for found, allowed in ((loose, 50.0), (tight, most)):
        assert found.trade.loss.points <= allowed
        assert 100 * off(small, found.model) == pytest.approx(found.trade.loss.points, rel=0.05)
        assert found.trade.nbytes == len(found.model.SerializeToString())
    assert len(tight.trade.in_float) > len(loose.trade.in_float)


def test_the_trade_says_what_each_layer_cost_and_brought(small: ModelProto) -> None:
    trade = quantised(small, quantised(small, 50.0).trade.loss.points / 10).trade
    assert trade.in_float and sum(kept.moved for kept in trade.layers) == pytest.approx(1)
    for kept in trade.in_float:
        assert kept.nbytes == (kept.weights if kept.form == Form.FP16_WEIGHTS else 0)
        assert 0 <= kept.brought <= kept.moved + 1e-9
    assert trade.latency is not None and trade.full_latency is not None and " ms an image" in trade.speed
    assert len(trade.lines) == 1 + len(trade.in_float)
    rows = list(csv.DictReader(io.StringIO(trade.to_csv())))
    assert [row["layer"] for row in rows] == [kept.layer for kept in trade.layers]


def test_a_budget_that_cannot_be_kept_fails_and_says_what_came_closest(small: ModelProto) -> None:
    budget = Budget(0.3, lambda _: Loss.of(1.5), apart)
    with pytest.raises(JobFailed, match=r"0\.6 × the float32 one.*the closest, 0\.\d+ ×, loses 1\.5") as failed:
        quantise(small, images, budget, CPU)
    assert "--max-loss" in failed.value.fix


def test_it_is_judged_on_images_that_it_was_not_made_on_as_well(small: ModelProto) -> None:
    """Here they lose more than is allowed as long as any layer is in 8-bit arithmetic."""

    def loss(runner: Runner) -> Loss:
        exact = answers(small)[0]
        moved = apart(runner.run(IMAGES[0]), exact)
        return Loss(0.0, 100 * moved, 0.0, 100 * moved, error=1.0)

    most = 100 * off(small, in_form(small, Form.FP16_WEIGHTS)) * 4
    trade = quantise(small, images, Budget(most, loss, apart, aside=3), CPU).trade
    assert not any(kept.eight for kept in trade.layers)
    assert "judged on these and 3 others" in trade.images and "do not tell such a loss for sure" in trade.images


def test_a_model_without_layers_is_refused() -> None:
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3, 64, 96]) for name in ("images", "y")]
    made = helper.make_graph([helper.make_node("Relu", ["images"], ["y"])], "g", ports[:1], ports[1:])
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    with pytest.raises(BadRequest, match="nothing to quantise"):
        quantised(model, 1.0)
