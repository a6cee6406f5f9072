"""Any FP32 .onnx file becomes an FP16 one that is half as large and answers the same; what cannot is told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from halfpint.core.errors import ArtifactRefused, BadRequest, JobFailed
from halfpint.core.export.halved_file import halve_file
from halfpint.core.images.synthetic import structured_batch
from halfpint.core.network.result import Mask
from halfpint.core.precisions import FP16
from halfpint.core.precisions.dtype import FLOAT16, FLOAT64
from halfpint.core.readings.reference import Reference
from halfpint.core.targets.onnx.passes.halve import halve
from halfpint.core.verify.decisive import decisive_noise
from halfpint.core.verify.evidence import Verdict
from halfpint.core.verify.masks import mask_change
from support import dbnet
from support.checkpoints import Checkpoint, network_of, nrmse
from support.command import halfpint
from support.jobs import names
from support.onnx import answer, written
from support.rounding import fp16_limit, limits
from support.text_detector import page, trained_detector

pytestmark = pytest.mark.numbers

IMAGE = structured_batch(3, 64, 96, 0, 2)
MASK = Mask(0, threshold=0.3)


def graph(nodes: list[onnx.NodeProto], weights: Mapping[str, NDArray[Any]], opset: int = 17) -> onnx.ModelProto:
    """A model from `images` to `output0` of these nodes."""
    ports = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 3, "h", "w"]) for name in ("images", "output0")
    ]
    tensors = [numpy_helper.from_array(array, name) for name, array in weights.items()]
    made = helper.make_graph(nodes, "g", ports[:1], ports[1:], tensors)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def conv(source: str, target: str, weight: str = "w") -> onnx.NodeProto:
    return helper.make_node("Conv", [source, weight], [target], kernel_shape=[1, 1])


WEIGHT = {"w": np.eye(3, dtype=np.float32).reshape(3, 3, 1, 1)}


def types(model: onnx.ModelProto) -> dict[str, int]:
    return {tensor.name: tensor.data_type for tensor in model.graph.initializer}


# ---- a detector that was really trained


def test_a_trained_text_detector(tmp_path: Path) -> None:
    source, target = trained_detector(), tmp_path / "det.fp16.onnx"
    done = halve_file(source, target, (640, 640))
    assert done.nbytes == target.stat().st_size <= 0.52 * source.stat().st_size
    assert done.report.verdict is not Verdict.FAIL
    full, half = onnx.load(source), onnx.load(target)
    pages = [page(angle, dark) for angle, dark in ((0, False), (0, True), (8, False), (-15, True))]
    before, now = ([answer(model, image)[0] for image in pages] for model in (full, half))
    noises = [decisive_noise(MASK, [y], [x]) for y, x in zip(now, before, strict=True)]
    for i, (y, x) in enumerate(zip(now, before, strict=True)):
        # What FP16 does to the other pages is what it may do to this one.
        change = mask_change(y, x, MASK.threshold, max(noises[:i] + noises[i + 1 :]), x.shape, i)
        assert change.expected >= 6  # every line was found, some in parts
        assert (change.kept, change.new, change.verdict) == (change.expected, 0, Verdict.PASS)


# ---- our own files, against the network that we know


@pytest.mark.one_in(3)
def test_our_own_files_are_off_by_rounding_alone(checkpoint: Checkpoint) -> None:
    with network_of(checkpoint.path) as network:
        full = written(network)
        halved = halve(full).model
        onnx.checker.check_model(halved, full_check=True)
        size = len(halved.SerializeToString()) / len(full.SerializeToString())
        assert size <= 0.56  # the smallest of them have a tenth of their bytes in the graph
        image = structured_batch(network.channels, 2 * network.stride, 3 * network.stride, 0, 2)
        exact = Reference(FLOAT64).run(network, image)
        bounds = limits(network, image, FLOAT16)
        for got, wanted, limit in zip(answer(halved, image), exact, bounds, strict=True):
            assert got.dtype == np.float32
            assert nrmse(got, wanted) <= limit


@pytest.mark.parametrize("opset", [11, 13, 18, 21])
def test_every_opset(opset: int, tiny: Path) -> None:
    with network_of(tiny) as network:
        halved = halve(written(network, opset=opset)).model
        onnx.checker.check_model(halved, full_check=True)
        (got,), (wanted,) = answer(halved, IMAGE), Reference(FLOAT64).run(network, IMAGE)
        (limit,) = limits(network, IMAGE, FLOAT16)
        assert nrmse(got, wanted) <= limit


def test_what_a_detector_decodes_stays_in_fp32_and_nothing_is_cast_twice(tiny: Path) -> None:
    with network_of(tiny) as network:
        full = written(network)
    halved = halve(full).model
    kinds = types(halved)
    assert {kinds[name] for name in kinds if name.endswith("weight_fp16")} == {TensorProto.FLOAT16}
    assert kinds["model.24.anchors.0"] == TensorProto.FLOAT
    casts = Counter(node.input[0] for node in halved.graph.node if node.op_type == "Cast")
    assert max(casts.values()) == 1
    born = {name for node in halved.graph.node for name in node.output}
    assert len(born) == sum(len(node.output) for node in halved.graph.node)


def test_half_io(tiny: Path) -> None:
    with network_of(tiny) as network:
        full = written(network)
        (wanted,), (limit,) = Reference(FLOAT64).run(network, IMAGE), limits(network, IMAGE, FLOAT16)
    halved = halve(full, half_io=True).model
    onnx.checker.check_model(halved, full_check=True)
    for port in (*halved.graph.input, *halved.graph.output):
        assert port.type.tensor_type.elem_type == TensorProto.FLOAT16
    (got,) = answer(halved, IMAGE)
    assert got.dtype == np.float16
    assert nrmse(got, wanted) <= limit


# ---- traps


def test_a_resize_keeps_its_scales(tmp_path: Path) -> None:
    nodes = [
        conv("images", "a"),
        helper.make_node("Resize", ["a", "", "scales"], ["b"], mode="nearest"),
        conv("b", "output0"),
    ]
    model = graph(nodes, {**WEIGHT, "scales": np.array([1, 1, 2, 2], np.float32)})
    halved = halve(model).model
    onnx.checker.check_model(halved, full_check=True)
    assert types(halved) == {"scales": TensorProto.FLOAT, "w_fp16": TensorProto.FLOAT16}
    np.testing.assert_array_equal(answer(halved, IMAGE)[0], answer(model, IMAGE)[0])


def norm(variance: float, opset: int) -> onnx.ModelProto:
    nodes = [
        conv("images", "a"),
        helper.make_node("BatchNormalization", ["a", "one", "zero", "zero", "variance"], ["b"]),
        conv("b", "output0"),
    ]
    ones = np.ones(3, np.float32)
    return graph(nodes, {**WEIGHT, "one": ones, "zero": 0 * ones, "variance": variance * ones}, opset)


@pytest.mark.parametrize("opset", [13, 17])
@pytest.mark.parametrize("variance", [1e-7, 1e-5, 1.0, 1e8])
def test_variances_that_fp16_would_lose_stay_in_fp32(variance: float, opset: int) -> None:
    model = norm(variance, opset)
    halved = halve(model).model
    onnx.checker.check_model(halved, full_check=True)
    (got,), (wanted,) = answer(halved, IMAGE), answer(model, IMAGE)
    assert nrmse(got, wanted) <= fp16_limit(wanted, 3)
    # Since opset 14, they may stay FP32 beside FP16 data.
    assert ("variance_fp16" in types(halved)) is (variance == 1.0 and opset == 13)


def test_a_clip_to_the_largest_float32_stays_one() -> None:
    nodes = [conv("images", "a"), helper.make_node("Clip", ["a", "low", "high"], ["b"]), conv("b", "output0")]
    model = graph(nodes, {**WEIGHT, "low": np.array(0, np.float32), "high": np.array(3.4e38, np.float32)})
    halved = halve(model).model
    onnx.checker.check_model(halved, full_check=True)
    (got,), (wanted,) = answer(halved, IMAGE), answer(model, IMAGE)
    assert nrmse(got, wanted) <= fp16_limit(wanted, 3)


def test_constant_nodes_and_weights_among_the_inputs() -> None:
    constant = helper.make_node("Constant", [], ["w"], value=numpy_helper.from_array(WEIGHT["w"]))
    model = graph([constant, conv("images", "output0")], {})
    older = graph([conv("images", "output0")], WEIGHT)
    older.graph.input.append(helper.make_tensor_value_info("w", TensorProto.FLOAT, [3, 3, 1, 1]))
    for each in (model, older):
        halved = halve(each).model
        onnx.checker.check_model(halved, full_check=True)
        assert types(halved) == {"w_fp16": TensorProto.FLOAT16}
        assert [port.name for port in halved.graph.input] == ["images"]
        np.testing.assert_array_equal(answer(halved, IMAGE)[0], answer(each, IMAGE)[0].astype(np.float16))


def test_an_output_that_is_also_read_inside() -> None:
    nodes = [conv("images", "output0"), conv("output0", "more")]
    model = graph(nodes, WEIGHT)
    model.graph.output.append(helper.make_tensor_value_info("more", TensorProto.FLOAT, ["n", 3, "h", "w"]))
    halved = halve(model).model
    onnx.checker.check_model(halved, full_check=True)
    assert [port.name for port in halved.graph.output] == ["output0", "more"]
    for got, wanted in zip(answer(halved, IMAGE), answer(model, IMAGE), strict=True):
        assert nrmse(got, wanted) <= fp16_limit(wanted, 2)


# ---- what cannot be halved


def test_weights_beyond_fp16() -> None:
    with pytest.raises(JobFailed, match=r"a value of w is 1e\+06"):
        halve(graph([conv("images", "output0")], {"w": 1e6 * WEIGHT["w"]}))


def test_nothing_to_halve(tiny: Path) -> None:
    with pytest.raises(BadRequest, match="there is nothing to halve"):
        halve(graph([helper.make_node("Relu", ["images"], ["output0"])], {}))
    with network_of(tiny) as network, pytest.raises(BadRequest, match="there is nothing to halve"):
        halve(written(network, precision=FP16))


def test_quantised_models() -> None:
    scale = {"s": np.array(0.1, np.float32), "z": np.array(0, np.uint8)}
    nodes = [
        helper.make_node("QuantizeLinear", ["images", "s", "z"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["a"]),
        conv("a", "output0"),
    ]
    with pytest.raises(BadRequest, match="quantised already"):
        halve(graph(nodes, {**WEIGHT, **scale}))


def test_files_that_are_none(tmp_path: Path) -> None:
    bad = tmp_path / "bad.onnx"
    with pytest.raises(BadRequest, match="does not exist"):
        halve_file(bad, tmp_path / "x.onnx", (64, 64))
    bad.write_bytes(b"no model at all")
    with pytest.raises(ArtifactRefused, match="no ONNX model"):
        halve_file(bad, tmp_path / "x.onnx", (64, 64))
    assert list(names(tmp_path)) == ["bad.onnx"]


# ---- the command


def test_the_command(tmp_path: Path) -> None:
    source = tmp_path / "detector.onnx"
    with network_of(dbnet.checkpoint("proxylessnas")) as network:
        source.write_bytes(written(network).SerializeToString())
    result = halfpint("halve", source, "--imgsz", 64, 96)
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("detector.fp16.onnx: PASS")
    assert "of the mask's pixels flip" in result.stdout
    said = {prop.key: prop.value for prop in onnx.load(tmp_path / "detector.fp16.onnx").metadata_props}
    assert said["halved_by"].startswith("halfpint ")
    again = halfpint("halve", source)
    assert again.returncode == 2
    assert "exists already" in again.stderr
    assert halfpint("halve", source, "--overwrite", "--imgsz", 64).returncode == 0
    refused = halfpint("export", "--weights", source, "--out", tmp_path / "out")
    assert refused.returncode == 3
    assert "to halve an ONNX model: halfpint halve detector.onnx" in refused.stderr


def test_a_file_that_fp16_cannot_hold_is_not_published(tmp_path: Path) -> None:
    source = tmp_path / "large.onnx"
    model = graph([conv("images", "a"), conv("a", "output0")], {"w": 6e4 * WEIGHT["w"]})
    source.write_bytes(model.SerializeToString())
    result = halfpint("halve", source, "--imgsz", 64)
    assert result.returncode == 1
    assert "float16 ends at 65504" in result.stderr
    assert list(names(tmp_path)) == ["large.onnx"]
