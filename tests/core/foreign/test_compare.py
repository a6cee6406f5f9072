"""Two files side by side: what they hold, and how far apart their answers are, whatever and of whomever they are."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper
from PIL import Image

from halfpint.core.errors import ArtifactRefused, BadRequest
from halfpint.core.families import identify, open_weights
from halfpint.core.foreign.compare import Comparison, Images, compare_files
from halfpint.core.precisions import FP16, FP32
from halfpint.core.targets.onnx.passes.halve import halve
from support.command import halfpint
from support.proof import file_of
from support.small_onnx import convolutions
from support.targets import TORCHSCRIPT

SIZE = (64, 64)


def written(path: Path, model: ModelProto) -> Path:
    path.write_bytes(model.SerializeToString())
    return path


def compared(folder: Path, first: ModelProto, second: ModelProto, **asked: object) -> Comparison:
    files = written(folder / "a.onnx", first), written(folder / "b.onnx", second)
    return compare_files(*files, Images(**{"size": SIZE, **asked}))  # pyright: ignore[reportArgumentType]


def test_a_file_beside_itself_answers_the_same_to_the_last_bit(tmp_path: Path) -> None:
    found = compared(tmp_path, convolutions(), convolutions())
    assert found.same and not found.operators and not found.properties
    (drift,) = found.apart.drifts
    assert (drift.name, drift.share, drift.largest, found.apart.points) == ("y", 0.0, 0.0, 0.0)
    assert (found.apart.images, found.apart.shape) == (4, "1×3×64×64")


def test_a_layer_that_is_off_by_two_percent_shows(tmp_path: Path) -> None:
    other = convolutions()
    (weight, _) = other.graph.initializer
    weight.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weight) * np.float32(1.02), weight.name))
    found = compared(tmp_path, convolutions(), other)
    (drift,) = found.apart.drifts
    assert 0.005 < drift.share < 0.05 and drift.largest > 0
    assert found.apart.points and "variance of y" in found.apart.units[0]


def test_what_a_file_of_half_the_size_holds_and_answers(tmp_path: Path) -> None:
    found = compared(tmp_path, convolutions(), halve(convolutions()).model)
    assert dict(found.first.info.dtypes) == {"float32": found.first.info.weights_nbytes}
    assert dict(found.second.info.dtypes) == {"float16": found.first.info.weights_nbytes // 2}
    assert found.operators["Cast"][0] == 0 and "Conv" not in found.operators
    assert 0 < found.apart.drifts[0].share < 0.01


def test_files_of_different_kinds_answer_the_same_images(tmp_path: Path, tiny: Path) -> None:
    with open_weights(tiny) as archive:
        network = identify(archive).network()
        (tmp_path / "a.onnx").write_bytes(file_of(network, SIZE)[0])
        (tmp_path / "b.torchscript").write_bytes(file_of(network, SIZE, target=TORCHSCRIPT)[0])
    found = compare_files(tmp_path / "a.onnx", tmp_path / "b.torchscript", Images())
    assert (found.first.target.name, found.second.target.name) == ("onnx", "torchscript")
    assert not found.operators  # they are called otherwise there
    assert found.apart.shape == "1×3×64×64" and not found.apart.reason
    assert all(drift.share < 1e-4 for drift in found.apart.drifts)


def test_pictures_of_the_user_are_prepared_as_the_files_tell(tmp_path: Path, tiny: Path) -> None:
    (tmp_path / "pictures").mkdir()
    Image.new("RGB", (80, 40), (200, 30, 30)).save(tmp_path / "pictures" / "red.png")
    with open_weights(tiny) as archive:
        network = identify(archive).network()
        for name, precision in (("a", FP32), ("b", FP16)):
            (tmp_path / f"{name}.onnx").write_bytes(file_of(network, SIZE, precision)[0])
    found = compare_files(tmp_path / "a.onnx", tmp_path / "b.onnx", Images(tmp_path / "pictures"))
    assert found.apart.images == 1
    assert found.apart.preparation == "square letterbox, 64×64 (height×width), pad 114, RGB, 0 to 1"
    assert found.properties["precision"] == ("fp32", "fp16")


# ---- what cannot be compared is told, and the rest all the same


def sized(side: int) -> ModelProto:
    return convolutions(x=[1, 3, side, side], y=[1, 16, side, side])


def of_tokens() -> ModelProto:
    graph = helper.make_graph(
        [helper.make_node("Neg", ["x"], ["y"])],
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 8])],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def more_outputs() -> ModelProto:
    model = convolutions()
    model.graph.output[0].name = "r0"
    model.graph.output.append(helper.make_tensor_value_info("a1", TensorProto.FLOAT, None))
    return model


@pytest.mark.one_in(3)
@pytest.mark.parametrize(
    ("second", "told"),
    [
        (sized(96), "they take images of different sizes, 1×3×64×64 and 1×3×96×96"),
        (of_tokens(), "an input of 1×8 is no image"),
        (more_outputs(), "one file has 1 outputs, the other 2"),
    ],
)
def test_what_has_no_answer_in_common_is_told(tmp_path: Path, second: ModelProto, told: str) -> None:
    found = compared(tmp_path, sized(64), second)
    assert told in found.apart.reason and found.apart.points is None
    assert found.second.nbytes == (tmp_path / "b.onnx").stat().st_size


def test_answers_that_are_no_numbers_are_told(tmp_path: Path) -> None:
    model = convolutions()
    model.graph.node.append(helper.make_node("Log", ["y"], ["log"]))
    model.graph.output[0].name = "log"
    found = compared(tmp_path, model, model)
    assert "NaN or infinite" in found.apart.reason


def test_a_file_that_would_do_harm_is_refused(tmp_path: Path) -> None:
    model = convolutions()
    model.graph.node[0].domain = "com.example"
    with pytest.raises(ArtifactRefused):
        compared(tmp_path, convolutions(), model)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="does not exist"):
        compare_files(written(tmp_path / "a.onnx", convolutions()), tmp_path / "b.onnx", Images())


def test_the_command_tells_it_in_a_table_and_in_json(tmp_path: Path) -> None:
    files = [str(written(tmp_path / f"{name}.onnx", convolutions(count))) for name, count in (("a", 1), ("b", 2))]
    shown = halfpint("compare", *files, "--imgsz", "64")
    assert shown.returncode == 0, shown.stderr
    assert any(line.split() == ["Conv", "1", "2"] for line in shown.stdout.splitlines())
    assert "y: the second differs by" in shown.stdout
    said = json.loads(halfpint("compare", *files, "--imgsz", "64", "--json").stdout)
    assert said["operators"]["Conv"] == [1, 2] and said["answers"]["images"] == 4 and said["same"] is False
