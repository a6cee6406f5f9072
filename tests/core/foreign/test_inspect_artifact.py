"""What an exported file holds is told without running it: every byte is accounted for, and every word is the file's."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from halfpint.core.errors import ArtifactRefused
from halfpint.core.foreign.inspect import inspect_artifact
from halfpint.core.precisions import FP16, FP32
from halfpint.core.targets import targets
from halfpint.core.targets.onnx.loaded import LoadedOnnx
from halfpint.core.targets.onnx.untrusted.file import parsed
from halfpint.core.targets.onnx.untrusted.info import onnx_info
from halfpint.core.targets.target import Target
from halfpint.core.targets.torchscript.untrusted.info import torchscript_info
from support import hostile_onnx as hostile
from support.command import halfpint
from support.jobs import done, end_of, small
from support.text_detector import trained_detector
from support.torchscript import coded, records, traced, written

IMAGE = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 8, 8])
ANSWER = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)


def sha256_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(params=[target for target in targets() if target.installed], ids=str)
def target(request: pytest.FixtureRequest) -> Target:
    return request.param


# ---- our own files


@pytest.mark.parametrize("precision", [FP32, FP16], ids=str)
def test_every_byte_of_our_own_files_is_accounted_for(
    target: Target, precision: object, tiny: Path, tmp_path: Path
) -> None:
    spec = small(tiny, tmp_path, targets=(target,), precisions=(precision,))
    assert end_of(done(spec)).exit_code == 0
    (path,) = (file for file in tmp_path.iterdir() if file.name.endswith(target.suffixes[0]))
    found = inspect_artifact(path)
    info = found.info
    assert found.target is target
    assert found.nbytes == sum(p.stat().st_size for p in tmp_path.iterdir() if p.suffix in target.suffixes)
    assert info.weights_nbytes + found.structure_nbytes + info.notes == found.nbytes
    assert next(iter(info.dtypes)) == str(precision).replace("fp", "float")
    # 447,544 weights with their batch norms, which are folded in.
    assert 440_000 < info.dtypes[next(iter(info.dtypes))] / (2 if precision == FP16 else 4) < 447_544
    assert info.producer.startswith("halfpint ")
    assert sha256_of(tiny) in info.properties.values()
    convolutions = ("Conv", "Convolution", "_convolution")
    assert [use.count for use in info.operators if use.name in convolutions] == [60]
    if target.declares_sizes:
        assert [(port.name, port.dtype, port.dims) for port in info.inputs] == [("images", "float32", (1, 3, 96, 64))]
        assert [port.name for port in info.outputs] == ["output0"]
        assert info.operators[0].nbytes > 0.9 * info.weights_nbytes


def test_json_says_the_same(tiny: Path, tmp_path: Path) -> None:
    spec = small(tiny, tmp_path)
    assert end_of(done(spec)).exit_code == 0
    for path in tmp_path.glob("*.onnx"):
        said = json.loads(halfpint("inspect", path, "--json").stdout)
        found = inspect_artifact(path)
        assert said["sha256"] == {path.name: sha256_of(path)}
        assert said["dtypes"] == found.info.dtypes
        assert said["largest"][0]["name"] == found.info.largest[0].name
        lines = halfpint("inspect", path).stdout
        assert "opset" in lines
        assert found.info.largest[0].name in lines


# ---- those of others


def test_a_detector_that_others_exported() -> None:
    source = trained_detector()
    info = inspect_artifact(source).info
    loaded = LoadedOnnx(source.read_bytes())
    assert info.inputs == (loaded.contract.input,)
    assert info.outputs == loaded.contract.outputs
    assert info.operators[0].name == "Conv"
    kinds = [node.op_type for node in loaded.model.graph.node]
    assert {use.name: use.count for use in info.operators} == {kind: kinds.count(kind) for kind in kinds}
    stored = sum(
        len(attribute.t.raw_data)
        for node in loaded.model.graph.node
        for attribute in node.attribute
        if attribute.t.name
    )
    assert info.weights_nbytes >= stored


def test_data_in_other_files_are_told_and_not_fetched(tmp_path: Path) -> None:
    weight = np.zeros((4, 3, 50, 50), np.float32)
    graph = helper.make_graph(
        [helper.make_node("Conv", ["x", "w"], ["y"])], "g", [IMAGE], [ANSWER], [numpy_helper.from_array(weight, "w")]
    )
    path = tmp_path / "model.onnx"
    onnx.save(helper.make_model(graph), path, save_as_external_data=True, location="model.data", size_threshold=0)
    (tmp_path / "model.data").unlink()
    found = inspect_artifact(path)
    assert (found.info.elsewhere, found.info.weights_nbytes) == (weight.nbytes, weight.nbytes)
    assert found.structure_nbytes + found.info.notes == path.stat().st_size
    assert "of these in other files" in halfpint("inspect", path).stdout


def test_weights_belong_to_what_computes_with_them() -> None:
    """Through what dequantises or casts them; and a branch's nodes are counted like any others."""
    branch = helper.make_graph([helper.make_node("Relu", ["c"], ["r"], "named", "a word on it")], "b", [], [ANSWER])
    nodes = [
        helper.make_node("DequantizeLinear", ["w", "s"], ["d"]),
        helper.make_node("Cast", ["d"], ["e"], to=TensorProto.FLOAT),
        helper.make_node("Conv", ["x", "e"], ["c"]),
        helper.make_node("If", ["t"], ["y"], then_branch=branch, else_branch=branch),
    ]
    tensors = [
        numpy_helper.from_array(np.zeros((2, 3, 1, 1), np.int8), "w"),
        numpy_helper.from_array(np.array(1, np.float32), "s"),
        numpy_helper.from_array(np.array(True), "t"),
    ]
    graph = helper.make_graph(nodes, "g", [IMAGE], [ANSWER], tensors)
    info = onnx_info(helper.make_model(graph, producer_name="somebody"))
    assert {use.name: (use.count, use.nbytes) for use in info.operators} == {
        "Conv": (1, 10),
        "If": (1, 1),
        "DequantizeLinear": (1, 0),
        "Cast": (1, 0),
        "Relu": (2, 0),
    }
    assert info.producer == "somebody"
    assert info.notes == 2 * len("named" + "a word on it")


def test_code_that_nobody_would_run_is_told_and_not_run(tmp_path: Path) -> None:
    """`verify` refuses it; to look at it is no danger."""
    path = tmp_path / "odd.torchscript"
    path.write_bytes(coded('_0 = torch.save(x, "stolen")'))
    info = inspect_artifact(path).info
    assert {use.name: use.count for use in info.operators} == {"save": 1, "mul": 1}
    assert [(t.name, t.dtype, t.dims, t.nbytes) for t in info.largest] == [("weight", "float32", (1,), 4)]
    assert list(tmp_path.iterdir()) == [path]


def test_debug_records_of_torch_are_no_use() -> None:
    info = torchscript_info(traced())
    with zipfile.ZipFile(io.BytesIO(traced())) as archive:
        debug = [
            entry.compress_size
            for entry in archive.infolist()
            if entry.filename.endswith((".debug_pkl", "traced_inputs.pkl"))
        ]
    assert debug
    assert info.notes == sum(debug)
    assert info.dtypes == {"float32": 4 * (3 * 4 + 4 + 4)}


# ---- files that are none, or lie


@pytest.mark.parametrize("make", [hostile.short_data, hostile.many_nodes, hostile.endless_functions, hostile.sparse])
def test_models_that_lie(make: Callable[[], onnx.ModelProto]) -> None:
    with pytest.raises(ArtifactRefused):
        onnx_info(parsed(make().SerializeToString()))


def test_tensors_beyond_their_records(tmp_path: Path) -> None:
    path = tmp_path / "odd.torchscript"
    path.write_bytes(written({**records(coded()), "data/0": b""}))
    with pytest.raises(ArtifactRefused, match="has 0 bytes, 1 × float32 are declared"):
        inspect_artifact(path)


@pytest.mark.parametrize(("name", "told"), [("a.onnx", "it is no ONNX model"), ("a.txt", "is no torch checkpoint")])
def test_what_is_neither_weights_nor_an_artifact(name: str, told: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("nothing of the kind")
    result = halfpint("inspect", tmp_path / name)
    assert result.returncode == 3
    assert told in result.stderr


def test_a_pointer_to_a_file_that_was_not_fetched(tmp_path: Path) -> None:
    (tmp_path / "a.onnx").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    assert "git lfs pull" in halfpint("inspect", tmp_path / "a.onnx").stderr
