"""The program of `halfpint snippet` finds in pictures what Halfpint finds in them, for every kind of artifact."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from halfpint.core.errors import ArtifactRefused
from halfpint.core.families import identify, open_weights
from halfpint.core.foreign.inspect import inspect_artifact
from halfpint.core.images.letterbox import Geometry, prepared
from halfpint.core.images.synthetic import structured_image, text_image
from halfpint.core.kinds import Kind
from halfpint.core.network.network import Network
from halfpint.core.network.result import BestClass, Detections, Mask, Rows
from halfpint.core.options import VerifyMode
from halfpint.core.precisions import FLOATS, FP16, FP32
from halfpint.core.snippet.program import MAX_LINES, program
from halfpint.core.spec import ExportSpec
from halfpint.core.targets import targets
from halfpint.core.targets.artifact_info import ArtifactInfo
from halfpint.core.targets.nms import Head
from halfpint.core.verify.detections import found
from halfpint.core.verify.regions import area, boxes_of, iou
from support import classifier, dbnet
from support.command import halfpint
from support.jobs import done, end_of
from support.targets import ONNX

Array = NDArray[Any]

FIXTURES = Path(__file__).parents[2] / "fixtures" / "yolov5"
MADE = tuple(target for target in targets() if target.installed)
# Weights, and the height and width that they are exported at.
WEIGHTS = {
    "detect": (lambda: FIXTURES / "shapes-n.pt", (256, 320)),
    "segment": (lambda: FIXTURES / "master-n-seg.pt", (128, 128)),
    "classify": (classifier.checkpoint, (96, 96)),
    "text": (lambda: dbnet.checkpoint("proxylessnas"), (160, 128)),
}

# The same of checkpoints whose boxes lie otherwise, and what is asked of their ONNX files.
ULTRALYTICS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "ultralytics detect": ("v8.0.100-yolov8n", {}),
    "ultralytics segment": ("yolo11n-seg", {}),
    "ultralytics segment, nms": ("yolo11n-seg", {"nms": True, "max_det": 30}),
    "ultralytics pose": ("yolov8n-pose", {}),
    "ultralytics segment, one2one": ("yolo26n-seg", {"head": Head.ONE_TO_ONE}),
}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Sequence[Path]:
    """Shapes on a wide picture, letters on a tall one, and nothing on a small one."""
    folder = tmp_path_factory.mktemp("pictures")
    drawn = {
        "shapes": structured_image(3, 300, 421, 3),
        "letters": text_image(3, 500, 380, 1),
        "nothing": np.full((1, 3, 40, 60), 0.5, np.float32),
    }
    for name, image in drawn.items():
        levels = np.rint(image[0].transpose(1, 2, 0) * 255).astype(np.uint8)
        Image.fromarray(levels).save(folder / f"{name}.png")
    return [folder / f"{name}.png" for name in drawn]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, ExportSpec]:
    """The artifacts of each kind of network, and those of a detector that suppress boxes themselves."""
    specs: dict[str, ExportSpec] = {}
    for name, (weights, (height, width)) in WEIGHTS.items():
        asked: dict[str, Any] = {"targets": MADE, "precisions": FLOATS, "verify": VerifyMode.QUICK}
        specs[name] = ExportSpec.of(weights(), tmp_path_factory.mktemp(name), height, width, **asked)
    more: dict[str, Any] = {"targets": (ONNX,), "precisions": FLOATS, "verify": VerifyMode.QUICK}
    weights, size = FIXTURES / "shapes-n.pt", (256, 320)
    own = {"nms": True, "conf": 0.1, "max_det": 40}
    specs["detect, nms"] = ExportSpec.of(weights, tmp_path_factory.mktemp("nms"), *size, 3, **more, **own)
    half = {**more, "precisions": (FP16,), "half_io": True, "dynamic": True}
    specs["detect, FP16 ports"] = ExportSpec.of(weights, tmp_path_factory.mktemp("half"), *size, **half)
    whole: dict[str, Any] = {**more, "precisions": (FP32,)}
    for name, (checkpoint, further) in ULTRALYTICS.items():
        weights, folder = FIXTURES.parent / "ultralytics" / f"{checkpoint}.pt", tmp_path_factory.mktemp("ultralytics")
        specs[name] = ExportSpec.of(weights, folder, 96, 128, **whole, **further)
    return specs


def cases() -> list[tuple[str, Kind]]:
    kinds = [Kind(target, precision) for target in MADE for precision in FLOATS]
    every = [(name, kind) for name in WEIGHTS for kind in kinds]
    kin = [(name, Kind(ONNX, FP32)) for name in ULTRALYTICS]
    return [*every, *(("detect, nms", Kind(ONNX, p)) for p in FLOATS), ("detect, FP16 ports", Kind(ONNX, FP16)), *kin]


@pytest.mark.xdist_group("snippet")  # in one process: the artifacts are made once
@pytest.mark.one_in(6)
@pytest.mark.parametrize(("name", "kind"), cases(), ids=str)
def test_it_finds_what_halfpint_finds(
    made: Mapping[str, ExportSpec], pictures: Sequence[Path], tmp_path: Path, name: str, kind: Kind
) -> None:
    spec = made[name]
    if not spec.manifest.exists():
        assert end_of(done(spec)).exit_code == 0
    printed = halfpint("snippet", spec.path(kind))
    assert printed.returncode == 0, printed.stderr
    assert len(printed.stdout.splitlines()) <= MAX_LINES
    source = tmp_path / "snippet.py"
    source.write_text(printed.stdout, encoding="utf-8")
    run = subprocess.run([sys.executable, source, *pictures], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    lines = run.stdout.splitlines()
    with open_weights(spec.weights) as archive:
        network = identify(archive).network()
        loaded = kind.target.open(spec.paths(kind), "cpu")
        for picture in pictures:
            told = [line.removeprefix(f"{picture}: ") for line in lines if line.startswith(f"{picture}: ")]
            image, geometry = taken(network, spec, picture)
            outputs = [np.asarray(y[:1], np.float64) for y in loaded.run(np.repeat(image, spec.batch, 0))]
            EXPECTED[type(network.result)](told, network, outputs, geometry, name)
        loaded.close()
    assert name.endswith(("segment", "pose", "one2one")) or any(
        str(pictures[0]) in line or str(pictures[1]) in line for line in lines
    )


def taken(network: Network, spec: ExportSpec, path: Path) -> tuple[Array, Geometry]:
    """A picture as the network takes it."""
    with Image.open(path) as picture:
        return prepared(picture, (picture.height, picture.width), network.preparation(spec.height, spec.width))


def numbers_in(line: str) -> list[float]:
    """The corners that a line tells."""
    return [
        float(number)
        for number in re.findall(r"-?[\d.]+(?:e[+-]\d+)?", re.split(", mask|, points", line.partition(" at ")[2])[0])
    ]


def expect_detections(
    told: Sequence[str], network: Network, outputs: Sequence[Array], geometry: Geometry, name: str
) -> None:
    layout = network.layout
    assert isinstance(network.result, Detections) and layout is not None
    if name.endswith(("nms", "one2one")):
        rows, counts, *_ = outputs
        kept = rows[0, : int(counts[0])] if name.endswith("nms") else rows[0, rows[0, :, 4] > 0.25]
        corners, confidences, classes = kept[:, :4], kept[:, 4], kept[:, 5].astype(int)
    else:
        # As float32 computes them, in which a program and we agree on what is equal.
        raw = layout.rows(outputs[0]).astype(np.float32)
        first, sure = (5, raw[:, 4]) if isinstance(layout, Rows) else (4, np.ones(len(raw), np.float32))
        product = sure * raw[:, first : first + len(network.names)].max(1)
        which = found(network.result, [y.astype(np.float32) for y in outputs], product)
        corners, confidences, classes = which.boxes.corners, which.confidences, which.boxes.classes
    assert len(told) == len(corners)
    for line, box, confidence, label in zip(told, geometry.to_picture(corners), confidences, classes, strict=True):
        assert line.startswith(f"{network.names[label]} ")
        assert float(line.split(" at ")[0].split()[-1]) == pytest.approx(confidence, abs=2e-3)
        np.testing.assert_allclose(numbers_in(line), box, rtol=1e-3, atol=0.2)
    if network.task == "segment":
        assert all(0 <= float(line.split(", mask ")[1].split()[0]) <= 1 for line in told)
    if network.task == "pose":
        assert all(line.partition(", points ")[2].count("], [") == 16 for line in told)


def expect_regions(told: Sequence[str], network: Network, outputs: Sequence[Array], geometry: Geometry, _: str) -> None:
    assert isinstance(network.result, Mask)
    boxes = [enlarged(box) for box in boxes_of(outputs[0][0, 0] > network.result.threshold, 8.0)]
    wanted = [geometry.to_picture(np.tile(box, 2))[:, :2] for box in boxes]
    given = [np.reshape(numbers_in(line), (4, 2)) for line in told]
    assert len(given) == len(wanted)
    for box in wanted:
        assert max(iou(box, other) for other in given) > 0.98


def enlarged(box: Array) -> Array:
    """A rectangle whose sides went outward by its area × 1.5 / circumference."""
    along, across = box[1] - box[0], box[2] - box[1]
    a, b = np.hypot(*along), np.hypot(*across)
    by = 1.5 * area(box) / (2 * (a + b))
    u, v = along / a * by, across / b * by
    return box + np.array((-u - v, u - v, u + v, v - u))


def expect_classes(told: Sequence[str], network: Network, outputs: Sequence[Array], _: Geometry, __: str) -> None:
    scores = outputs[0][0]
    chances = np.exp(scores - scores.max()) / np.exp(scores - scores.max()).sum()
    assert told[0].split()[0] == network.names[int(scores.argmax())] and len(told) == 5
    for line in told:
        label = next(i for i, each in network.names.items() if each == line.rpartition(" ")[0])
        assert float(line.split()[-1]) == pytest.approx(chances[label], abs=2e-3)


EXPECTED = {Detections: expect_detections, Mask: expect_regions, BestClass: expect_classes}


# ---- what a file tells of itself anybody may have written


def told_by(**properties: str) -> ArtifactInfo:
    said = {
        "input_size": "1×3×64×64",
        "task": "detect",
        "names": "{0: 'cat'}",
        "preparation": '{"channels": 3, "fit": "square", "order": "RGB", "mean": [0, 0, 0], '
        '"divisor": [255, 255, 255], "pad": 114}',
        "detections": '{"classes": 1, "masks": 0, "confidence": 0.25, "iou": 0.45, "max_det": 300}',
        **properties,
    }
    return ArtifactInfo("halfpint", (), (), {}, said, {}, (), (), 0)


@pytest.mark.parametrize("name", ["'; import os #", 'a"""\nimport os\n"""', "\\", "\x1b[2J", "名前", "$pad {0}"])
def test_names_and_paths_are_data_in_it(name: str) -> None:
    text = program(name, ONNX, told_by(names=str({0: name})))
    tree = ast.parse(text)
    constants = {
        target.id: ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant | ast.List)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    assert (constants["FILE"], constants["NAMES"]) == (name, [name])
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert imported == {"sys", "numpy", "onnxruntime"}


@pytest.mark.parametrize(
    "properties",
    [
        {"preparation": ""},
        {"preparation": "[" * 100_000},
        {"preparation": '{"channels": 3, "fit": "stretch"}'},
        {"detections": '{"classes": "__import__(1)"}'},
        {"names": "[" * 100_000},
        {"names": "__import__('os')"},
        {"input_size": "nothing"},
        {"task": "pose", "detections": ""},
    ],
)
def test_what_does_not_tell_enough_is_refused(properties: Mapping[str, str]) -> None:
    with pytest.raises(ArtifactRefused, match="does not tell how it is used"):
        program("m.onnx", ONNX, told_by(**properties))


def test_many_classes_are_numbers() -> None:
    text = program("m.onnx", ONNX, told_by(names=str({i: f"class{i}" for i in range(1000)})))
    assert "NAMES = range(0, 1000)\n" in text and len(text.splitlines()) <= MAX_LINES


def test_a_file_of_others_is_refused(tmp_path: Path) -> None:
    from support.text_detector import trained_detector

    result = halfpint("snippet", trained_detector())
    assert result.returncode == 3 and "does not tell how it is used" in result.stderr
    assert inspect_artifact(trained_detector()).target == ONNX
