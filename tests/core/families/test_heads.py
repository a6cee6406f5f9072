"""Of two heads either is exported: the one that NMS follows, or the end-to-end one, whose best boxes the file ranks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from halfpint.core.errors import BadRequest
from halfpint.core.families import identify, open_weights
from halfpint.core.manifest import read
from halfpint.core.network.network import Network
from halfpint.core.network.result import Columns
from halfpint.core.network.suppression import Ranking, Suppression
from halfpint.core.options import VerifyMode
from halfpint.core.precisions import FLOATS, FP16, FP32
from halfpint.core.precisions.dtype import FLOAT16
from halfpint.core.shapes import InputShape
from halfpint.core.spec import ExportSpec
from halfpint.core.targets.contract import contract
from halfpint.core.targets.nms import HEAD, Head
from halfpint.core.targets.onnx.file import onnx_bytes
from halfpint.core.targets.onnx.graph import ElementType, Graph, Value
from halfpint.core.targets.onnx.loaded import LoadedOnnx
from halfpint.core.targets.onnx.tail import selected
from halfpint.core.targets.onnx.writer import Model, Port
from halfpint.core.targets.provenance import Provenance, metadata
from halfpint.core.verify.drawn_answers import KINDS, drawn_answer
from halfpint.core.verify.rank import ranked
from support.checkpoints import Checkpoint, checkpoints_in, network_of, nrmse
from support.command import halfpint
from support.jobs import done, end_of
from support.onnx import to_proto

pytestmark = pytest.mark.numbers

Array = NDArray[Any]

FIXTURES = Path(__file__).parents[2] / "fixtures"
TWO_HEADED = [each for each in checkpoints_in(FIXTURES / "ultralytics") if "raw0" in np.load(each.recorded)]
SEGMENTS = FIXTURES / "ultralytics" / "yolo26n-seg.pt"
SOURCE = Provenance("w.pt", "0" * 64)


def end_to_end(network: Network) -> Network:
    return network.with_head("one2one", "one2many")


@pytest.mark.parametrize("dynamic", [False, True], ids=["static", "dynamic"])
@pytest.mark.parametrize("two_headed", TWO_HEADED, ids=lambda each: each.name)
def test_the_best_boxes_are_the_package_s(two_headed: Checkpoint, dynamic: bool) -> None:
    recorded = np.load(two_headed.recorded)
    shape = InputShape(*recorded["image"].shape)
    with network_of(two_headed.path) as network:
        network = end_to_end(network)
        promised = contract(network, shape, dynamic=dynamic, nms=Ranking())
        data = onnx_bytes(network, promised, FP32, 17, shape, SOURCE)
        onnx.checker.check_model(data, full_check=True)
    loaded = LoadedOnnx(data)
    assert loaded.contract == promised
    rows, *others = loaded.run(recorded["image"])
    expected = recorded["out0"]
    assert rows.shape == expected.shape
    # Neighbours whose scores rounding cannot tell apart may stand in either order: what is compared is told by score.
    np.testing.assert_allclose(rows[..., 4], expected[..., 4], rtol=0, atol=1e-5)
    for row in np.flatnonzero(np.abs(rows - expected).max(-1)[0] > 0.1):
        near = np.abs(expected[0, :, 4] - rows[0, row, 4]) < 1e-5
        assert np.abs(expected[0, near] - rows[0, row]).max(-1).min() < 0.1
    assert all(nrmse(mine, recorded["out1"]) <= 5e-5 for mine in others)


def test_both_heads_are_told_in_the_metadata() -> None:
    with network_of(SEGMENTS) as network:
        told = [
            metadata(each, FP16, InputShape(1, 3, 96, 160), SOURCE, nms)
            for each, nms in ((network, None), (end_to_end(network), None), (end_to_end(network), Ranking()))
        ]
    assert [(each["head"], each["end2end"]) for each in told] == [
        ("one2many", "False"),
        ("one2one", "False"),
        ("one2one", "True"),
    ]


def test_fp16_ports_and_a_batch() -> None:
    shape = InputShape(2, 3, 64, 96)
    with network_of(SEGMENTS) as network:
        promised = contract(end_to_end(network), shape, FLOAT16, dynamic=False, nms=Ranking())
        data = onnx_bytes(end_to_end(network), promised, FP16, 11, shape, SOURCE)
    onnx.checker.check_model(data, full_check=True)
    assert [(port.name, port.dtype, port.dims) for port in LoadedOnnx(data).contract.outputs] == [
        ("output0", "float16", (2, 300, 38)),
        ("output1", "float16", (2, 32, 16, 24)),
    ]


# ---- ranks, held against those outside


@pytest.mark.parametrize(
    "layout", [Columns(3), Columns(1, masks=4), Columns(5, points=2, dimensions=3), Columns(2, angles=1)]
)
def test_ranks_of_drawn_answers(layout: Columns) -> None:
    """More boxes than are wanted and fewer, equal ones, none: each is right, and each fault is seen."""
    ranking = Ranking(40)
    tail = tail_of(layout, ranking)
    for boxes in (252, 12):
        answer = drawn_answer(layout, Suppression(0.25, 0.45, ranking.most), boxes, (64, 64), KINDS, 0)
        (detected,) = tail.run(answer)
        for index, rows in enumerate(detected):
            raw = answer[index : index + 1]
            assert ranked(layout, ranking, raw, rows).wrong == ""
            for fault in (another_class, another_box, the_order, twice):
                assert ranked(layout, ranking, raw, fault(rows.copy(), layout)).wrong


def another_class(rows: Array, layout: Columns) -> Array:
    rows[0, 5] = layout.classes if layout.classes == 1 else (rows[0, 5] + 1) % layout.classes
    return rows


def another_box(rows: Array, _: Columns) -> Array:
    rows[1, :4] += 1
    return rows


def the_order(rows: Array, _: Columns) -> Array:
    return rows[::-1]


def twice(rows: Array, _: Columns) -> Array:
    other = int(np.flatnonzero(np.diff(rows[:, 4]))[0]) + 1  # the first that is not as good as the one before it
    rows[other] = rows[other - 1]
    return rows


def tail_of(layout: Columns, ranking: Ranking) -> LoadedOnnx:
    graph = Graph(17)
    raw = Port("raw", ElementType.FLOAT, ("batch", None, None))
    (rows,) = selected(graph, Value("raw", ElementType.FLOAT), layout, ranking)
    ports = (Port(rows.name, rows.type, ("batch", ranking.most, 6 + layout.further)),)
    return LoadedOnnx(to_proto(Model(graph, "tail", raw, ports, ("halfpint", "1"), {})).SerializeToString())


# ---- the option


def test_a_job_exports_verifies_and_records_it(tmp_path: Path) -> None:
    spec = ExportSpec.of(SEGMENTS, tmp_path, 64, 96, precisions=FLOATS, head=Head.ONE_TO_ONE, verify=VerifyMode.FULL)
    assert end_of(done(spec)).exit_code == 0
    manifest = (tmp_path / "yolo26n-seg.halfpint.json").read_text()
    assert '"ranked"' in manifest and '"name": "rank"' in manifest
    assert len(read(spec.manifest).artifacts) == 2
    verified = halfpint("verify", tmp_path / "yolo26n-seg.fp16.onnx", "--against", SEGMENTS)
    assert verified.returncode == 0 and "PASS  rank" in verified.stdout, verified.stdout + verified.stderr


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(BadRequest, match="the head one2one finds each thing once"):
        ExportSpec.of(SEGMENTS, nms=True, head=Head.ONE_TO_ONE)
    with open_weights(FIXTURES / "yolov5" / "master-n.pt") as archive, pytest.raises(BadRequest, match="has one head"):
        identify(archive).network().with_head(str(Head.ONE_TO_ONE), str(HEAD.default))
