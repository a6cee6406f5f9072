"""Checkpoints of the ultralytics package: every reading answers as the package does, and sizes are known beforehand."""

from __future__ import annotations

import ast
import math
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from halfpint.core.errors import WeightsRefused
from halfpint.core.export.order import Order
from halfpint.core.families import identify, open_weights
from halfpint.core.families.modules import Module
from halfpint.core.families.ultralytics.names import NAMES
from halfpint.core.images.synthetic import structured_batch
from halfpint.core.inspect import inspect
from halfpint.core.precisions import FLOATS, FP16, Precision
from halfpint.core.precisions.dtype import FLOAT16, FLOAT64
from halfpint.core.readings.reference import Reference
from halfpint.core.readings.torch_runner import TorchRunner
from halfpint.core.readings.weigher import weigh
from halfpint.core.shapes import InputShape
from halfpint.core.sizes import Sizes
from halfpint.core.targets.provenance import Provenance, metadata, use_of
from halfpint.core.targets.torchscript.file import torchscript_bytes
from support.checkpoints import Checkpoint, checkpoints_in, network_of, nrmse
from support.jobs import loaded, small
from support.onnx import answer, known_beforehand, model_of, written
from support.rounding import limits, limits64
from support.targets import BOTH
from support.tracing import in_order, loaded_file, strip_data, torch_allocations, without_data

pytestmark = pytest.mark.numbers

FIXTURES = Path(__file__).parents[2] / "fixtures" / "ultralytics"
KNOWN = {checkpoint.name: checkpoint.path for checkpoint in checkpoints_in(FIXTURES)}
# What an answer may be off by from the recorded one, which was computed in FP32.
NRMSE = 5e-5


def test_numpy_and_onnx_runtime_answer_as_the_package_does(ultralytics: Checkpoint) -> None:
    recorded, exact = ultralytics.answers, ultralytics.exact_answers
    with network_of(ultralytics.path) as network:
        reference = Reference(FLOAT64).run(network, ultralytics.image)
        onnx.checker.check_model(model := written(network), full_check=True)
        runtime = answer(model, ultralytics.image)
    assert len(reference) == len(runtime) == len(recorded)
    for got in (reference, runtime):
        for mine, theirs, precise in zip(got, recorded, exact, strict=True):
            assert mine.shape == theirs.shape
            assert nrmse(mine, theirs) <= NRMSE or nrmse(mine, precise) <= 4 * nrmse(theirs, precise)


def test_fp16_is_off_by_rounding_alone_and_decodes_in_float32(ultralytics: Checkpoint) -> None:
    with network_of(ultralytics.path) as network:
        exact = Reference(FLOAT64).run(network, ultralytics.image)
        bounds = limits(network, ultralytics.image, FLOAT16)
        model = written(network, precision=FP16)
        for got, wanted, limit in zip(answer(model, ultralytics.image), exact, bounds, strict=True):
            assert got.dtype == np.float32
            assert nrmse(got, wanted) <= limit
    types = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    halves = {name for name, type in types.items() if type == onnx.TensorProto.FLOAT16}
    assert {name for name in types if name.endswith((".weight", ".bias"))} <= halves
    assert not {name for name in halves if name.endswith("dfl.conv")}


@pytest.mark.one_in(2)
def test_torch_computes_the_same_in_float64(ultralytics: Checkpoint) -> None:
    with network_of(ultralytics.path) as network, torch.inference_mode():
        exact = Reference(FLOAT64).run(network, ultralytics.image)
        runner = TorchRunner(network).double()
        answers = runner(torch.from_numpy(ultralytics.image).double())
        for got, wanted, limit in zip(answers, exact, limits64(network, ultralytics.image), strict=True):
            assert nrmse(got.numpy(), wanted) <= limit


@pytest.mark.one_in(2)
def test_a_file_for_one_size_answers_as_one_with_dynamic_axes(ultralytics: Checkpoint) -> None:
    with network_of(ultralytics.path) as network:
        image = structured_batch(network.channels, 2 * network.stride, 3 * network.stride, 0, 2)
        for opset in (11, 17, 21):
            assert not known_beforehand(model_of(network, opset=opset, image=image.shape).graph)
            files = written(network, opset=opset, image=image.shape), written(network, opset=opset)
            one, other = (answer(model, image, optimized=False) for model in files)
            for got, wanted in zip(one, other, strict=True):
                np.testing.assert_array_equal(got, wanted)


@pytest.mark.one_in(6)
@pytest.mark.parametrize("precision", FLOATS, ids=str)
def test_every_allocation_is_weighed(ultralytics: Checkpoint, precision: Precision) -> None:
    with network_of(ultralytics.path) as network:
        shape = InputShape(2, network.channels, 2 * network.stride, 3 * network.stride)
        weighed = weigh(network, shape.dims, precision)
        allocated = torch_allocations(without_data(network, precision), shape.dims)
        assert [nbytes for _, nbytes in weighed.module.steps][: len(allocated)] == allocated
        data = torchscript_bytes(network, precision, shape, Provenance("block.pt", "0" * 64))
    measured = torch_allocations(strip_data(loaded_file(data)), shape.dims)
    assert in_order(measured) == in_order(nbytes for _, nbytes in weighed.file.steps)


@pytest.mark.one_in(4)
def test_the_files_sizes_are_known_to_the_byte(ultralytics: Checkpoint, tmp_path: Path) -> None:
    for more in ({"targets": BOTH}, {"dynamic": True, "opset": 11, "batch": 3}):
        spec = small(ultralytics.path, tmp_path, height=128, **more)
        weights = loaded(ultralytics.path, spec)
        for size in Sizes(weights.network).artifacts(spec):
            real = sum(map(len, Order(spec, weights, size.kind).in_memory()))
            assert size.nbytes == real if size.exact else math.isclose(size.nbytes, real, rel_tol=0.005), size


# ---- what a checkpoint tells


@pytest.mark.parametrize(
    ("name", "variant", "era", "task", "version"),
    [
        ("v8.0.100-yolov8n", "yolov8n", "YOLOv8", "detect", "8.0.100"),
        ("yolo11n-training", "yolo11n", "YOLO11", "detect", "8.4.190"),
        ("yolo11n-seg", "yolo11n-seg", "YOLO11", "segment", "8.4.190"),
        ("yolov8n-pose", "yolov8n-pose", "YOLOv8", "pose", "8.4.190"),
        ("yolo11n-obb", "yolo11n-obb", "YOLO11", "obb", "8.4.190"),
        ("yolov8n-cls", "yolov8n-cls", "YOLOv8", "classify", "8.4.190"),
        ("yolo26n-seg", "yolo26n-seg", "YOLO26", "segment", "8.4.190"),
    ],
)
def test_facts(name: str, variant: str, era: str, task: str, version: str) -> None:
    info = inspect(KNOWN[name])
    facts = info.facts
    assert (facts.family, facts.variant, facts.era, facts.task) == ("ultralytics", variant, era, task)
    assert (facts.stride, facts.channels, info.obstacle) == (32, 3, "")
    assert facts.notes["written by"] == f"ultralytics {version}"
    assert ("AGPL-3.0" in facts.notes.get("license", "")) is (version != "8.0.100")  # which did not write it
    assert info.used == ("ema" if name.endswith("training") else "model")
    assert info.is_training is name.endswith("training")


def test_a_file_tells_what_the_package_s_own_loader_looks_for() -> None:
    with network_of(KNOWN["yolov8n-pose"]) as network:
        told = metadata(network, FP16, InputShape(2, 3, 96, 128), Provenance("best.pt", "0" * 64))
    literal = {name: ast.literal_eval(told[name]) for name in ("batch", "imgsz", "names", "kpt_shape", "stride")}
    assert literal["names"] == {0: "circle", 1: "square", 2: "triangle"}
    assert (literal["batch"], literal["imgsz"], literal["kpt_shape"], literal["stride"]) == (2, [96, 128], [17, 3], 32)
    assert told["task"] == "pose"
    assert "AGPL-3.0" in told["license"]


def test_of_two_heads_the_one_that_nms_follows_is_exported_and_the_other_is_told() -> None:
    info = inspect(KNOWN["yolo26n-seg"])
    assert [part.name for part in info.parts if part.dropped] == [
        "end-to-end head (one2one, exported with --head one2one)"
    ]
    with network_of(KNOWN["yolo26n-seg"]) as network:
        told = metadata(network, FP16, InputShape(1, 3, 96, 160), Provenance("best.pt", "0" * 64))
    assert (told["head"], told["end2end"]) == ("one2many", "False")


def test_a_classifier_s_file_tells_that_its_scores_are_probabilities() -> None:
    with network_of(KNOWN["yolov8n-cls"]) as network:
        assert use_of(network, None)["scores"] == "probabilities"


# ---- what is refused


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        ("RTDETRDecoder", "RT-DETR .*not supported yet"),
        ("WorldDetect", "YOLO-World .*not supported yet"),
        ("YOLOESegment", "YOLOE .*not supported yet"),
        ("Regress", "the head .*Regress is not known"),
    ],
)
def test_a_head_that_is_not_described_is_refused_by_name(head: str, reason: str) -> None:
    with open_weights(KNOWN["v8.0.100-yolov8n"]) as archive:
        model = identify(archive)
        last = list(Module(archive.root["model"], "").child("model").children.values())[-1]  # type: ignore[index]
        last.record.name = f"ultralytics.nn.modules.head.{head}"
        with pytest.raises(WeightsRefused, match=reason):
            model.network()


def test_names_are_known_one_by_one() -> None:
    assert not NAMES.prefixes
    assert "ultralytics.nn.modules.block.C2f" in NAMES
    assert "ultralytics.nn.modules.C2f" in NAMES  # up to 8.0.43
    for callable in ("nn.tasks.attempt_load_one_weight", "utils.checks.check_requirements", "nn.tasks.yaml_model_load"):
        assert f"ultralytics.{callable}" not in NAMES
