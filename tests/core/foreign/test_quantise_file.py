"""Anybody's FP32 .onnx file in INT8: within a budget that its own answers are held to, or refused in plain words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper, numpy_helper
from PIL import Image

from halfpint.core.errors import BadRequest, HalfpintError, JobFailed
from halfpint.core.export.quantised_file import QuantisedFile, Request, quantise_file
from halfpint.core.foreign.quantise import Quantising
from halfpint.core.network.preparation import Pixels
from halfpint.core.proof.answers_alone import AnswersAlone, counts_for
from halfpint.core.targets.onnx.loaded import LoadedOnnx
from support.small_onnx import convolutions
from support.targets import ONNX
from support.torch_made import MADE, SIZE, Resizes, exported

Array = NDArray[Any]
MOST = 1.0  # points: an error of a tenth of an output's spread


def levels(seed: int, channels: int = 3) -> Array:
    """A picture (1×C×H×W, uint8) with patches of colour."""
    random = np.random.default_rng(seed)
    patches = random.integers(0, 256, (1, channels, SIZE[0] // 16, SIZE[1] // 16))
    return patches.repeat(16, 2).repeat(16, 3).astype(np.uint8)


def as_input(picture: Array) -> Array:
    return picture.astype(np.float32) / 255


def made_of(
    model: ModelProto, most: float = MOST, pictures: int = 4, *, dynamic: bool = False
) -> tuple[bytes, dict[str, Any]]:
    """The INT8 file, made as the sandbox makes it, and what is said about it."""
    data = model.SerializeToString()
    said = {"size": SIZE, "machine": "cpu", "origin": {}, "most": most, "dynamic": dynamic}
    work = Quantising(ONNX, (data,), said)
    for seed in range(pictures):
        work.take(levels(seed, work.shape.channels), [0.0] * 3, [255.0] * 3)
    while True:
        header, arrays = work.more()
        if "done" in header:
            return arrays[0].tobytes(), dict(header["done"])


# ---- what torch exports


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", MADE)
def test_models_that_torch_exports_are_right_in_eight_bits_or_refused(name: str) -> None:
    """What is right is measured here again, without any of what made the file."""
    model = MADE[name][0]()
    try:
        data, told = made_of(model)
    except HalfpintError as refusal:
        assert "loses at most" in refusal.what or "nothing to quantise" in refusal.what or "choices" in refusal.what
        return
    assert len(data) < 0.6 * len(model.SerializeToString())
    before, now = LoadedOnnx(model.SerializeToString()), LoadedOnnx(data)
    assert [port.name for port in now.contract.outputs] == [port.name for port in before.contract.outputs]
    if any(check["name"] == "choices" for check in told["checks"]):
        return
    answers = [[loaded.run(as_input(levels(seed))) for seed in range(4)] for loaded in (before, now)]
    for wanted, got in zip(*(map(np.stack, zip(*each, strict=True)) for each in answers), strict=True):
        if wanted.dtype.kind == "f" and np.ptp(wanted) > 0:
            assert np.square(got - wanted).mean() <= 0.1 * np.square(wanted - wanted.mean()).mean()


def test_what_a_branch_reads_from_outside_stays() -> None:
    """A tensor, and a stored weight, that only the inside of a branch names."""
    model = convolutions(2)
    inner = helper.make_graph(
        [helper.make_node("Add", ["r0", "bias"], ["sum"])],
        "inner",
        [],
        [helper.make_tensor_value_info("sum", TensorProto.FLOAT, None)],
    )
    model.graph.initializer.append(numpy_helper.from_array(np.full((1, 16, 1, 1), 3, np.float32), "bias"))
    model.graph.initializer.append(numpy_helper.from_array(np.array(True), "yes"))
    branch = helper.make_node("If", ["yes"], ["moved"], then_branch=inner, else_branch=inner)
    model.graph.node.insert(2, branch)
    model.graph.node[3].input[0] = "moved"
    data, _ = made_of(model)
    (wanted,), (got,) = (LoadedOnnx(d).run(as_input(levels(9))) for d in (model.SerializeToString(), data))
    assert np.square(got - wanted).mean() < 0.02 * wanted.var()


# ---- models as they come


def old_opset(model: ModelProto) -> None:
    model.opset_import[0].version = 11


def first_ir(model: ModelProto) -> None:
    old_opset(model)
    model.ir_version = 3
    for tensor in model.graph.initializer:
        model.graph.input.append(helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims))


def no_names(model: ModelProto) -> None:
    for node in model.graph.node:
        node.name = ""


def constants(model: ModelProto) -> None:
    for tensor in reversed(model.graph.initializer):
        model.graph.node.insert(0, helper.make_node("Constant", [], [tensor.name], value=tensor))
    del model.graph.initializer[:]


@pytest.mark.parametrize("change", [old_opset, first_ir, no_names, constants], ids=lambda change: change.__name__)
def test_however_a_model_is_written_its_layers_are_found(change: Callable[[ModelProto], None]) -> None:
    model = convolutions(2)
    change(model)
    data, told = made_of(model)
    assert "2 of 2 layers in 8-bit arithmetic" in told["told"][0]
    (wanted,), (got,) = (LoadedOnnx(d).run(as_input(levels(9))) for d in (model.SerializeToString(), data))
    assert np.square(got - wanted).mean() < 0.02 * wanted.var()


def test_a_file_says_what_it_was_made_of_and_keeps_what_it_said() -> None:
    model = convolutions(1)
    helper.set_model_props(model, {"names": "cat"})
    data, _ = made_of(model)
    made = ModelProto.FromString(data)
    assert [prop.value for prop in made.metadata_props if prop.key == "names"] == ["cat"]


def half_precision(model: ModelProto) -> None:
    for tensor in model.graph.initializer:
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), tensor.name))
    for port in (*model.graph.input, *model.graph.output):
        port.type.tensor_type.elem_type = TensorProto.FLOAT16


def two_inputs(model: ModelProto) -> None:
    model.graph.input.append(helper.make_tensor_value_info("scale", TensorProto.FLOAT, [1]))


def tokens(model: ModelProto) -> None:
    dims = model.graph.input[0].type.tensor_type.shape.dim
    del dims[2:]


def quantised_already(model: ModelProto) -> None:
    model.graph.initializer.append(numpy_helper.from_array(np.array(0.1, np.float32), "step"))
    model.graph.node.append(helper.make_node("QuantizeLinear", ["y", "step"], ["eight"]))


def whole_numbers(model: ModelProto) -> None:
    model.graph.node.append(helper.make_node("Shape", ["y"], ["shape"]))
    model.graph.node.append(helper.make_node("ArgMax", ["shape"], ["best"], axis=0))
    del model.graph.node[0:4]
    model.graph.node[0].input[0] = "x"
    del model.graph.output[:]
    model.graph.output.append(helper.make_tensor_value_info("best", TensorProto.INT64, [1]))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (half_precision, "nothing to quantise"),
        (two_inputs, "has 2 inputs"),
        (tokens, "no N×C×H×W image|does not take it"),
        (quantised_already, "quantised already"),
        (whole_numbers, "nothing to quantise"),
    ],
    ids=lambda case: getattr(case, "__name__", ""),
)
def test_what_cannot_be_is_told(change: Callable[[ModelProto], None], told: str) -> None:
    model = convolutions(2)
    change(model)
    with pytest.raises(HalfpintError, match=told):
        made_of(model)


def test_a_budget_that_cannot_be_held_is_told_with_what_came_closest() -> None:
    with pytest.raises(JobFailed, match=r"no file of less than 0\.6 × .* loses at most 0 points"):
        made_of(convolutions(2), most=0.0)


# ---- without images


@pytest.mark.parametrize("pictures", [0, 4])
def test_matrix_products_find_their_ranges_as_they_run(pictures: int) -> None:
    model = MADE["attention"][0]()
    data, told = made_of(model, pictures=pictures, dynamic=True)
    operators = [node.op_type for node in ModelProto.FromString(data).graph.node]
    assert "DynamicQuantizeLinear" in operators and "MatMulInteger" in operators
    assert len(data) < 0.6 * len(model.SerializeToString())
    assert [check["name"] for check in told["checks"] if check["verdict"] == "warn"] == ([] if pictures else ["images"])
    (wanted,), (got,) = (LoadedOnnx(d).run(as_input(levels(9))) for d in (model.SerializeToString(), data))
    assert np.square(got - wanted).mean() < 0.02 * wanted.var()


def test_a_product_with_a_bias_and_a_transposed_weight() -> None:
    random = np.random.default_rng(0)
    model = convolutions(1)
    model.graph.node.append(helper.make_node("GlobalAveragePool", ["y"], ["mean"]))
    model.graph.node.append(helper.make_node("Flatten", ["mean"], ["flat"]))
    model.graph.node.append(helper.make_node("Gemm", ["flat", "w", "b"], ["out"], transB=1))
    for name, shape in (("w", (40, 16)), ("b", (40,))):
        model.graph.initializer.append(numpy_helper.from_array(random.standard_normal(shape).astype(np.float32), name))
    del model.graph.output[:]
    model.graph.output.append(helper.make_tensor_value_info("out", TensorProto.FLOAT, ["n", 40]))
    data, told = made_of(model, dynamic=True)
    assert "1 of 2 layers in 8-bit arithmetic" in told["told"][0]
    (wanted,), (got,) = (LoadedOnnx(d).run(as_input(levels(9))) for d in (model.SerializeToString(), data))
    assert np.square(got - wanted).mean() < 0.01 * wanted.var()


# ---- what a loss is


def lost(wanted: list[Array], got: list[Array]) -> tuple[float, tuple[str, ...]]:
    """What is lost by an output over images of 32×32, and in which unit."""
    image = np.zeros((1, 3, 32, 32), np.float32)

    def answers() -> Any:
        return ((np.full_like(image, i), [answer]) for i, answer in enumerate(wanted))

    class Other:
        def run(self, image: Array) -> tuple[Array, ...]:
            return (got[int(image[0, 0, 0, 0])],)

    alone = AnswersAlone(counts_for(["out"], answers), answers, [1])
    return alone.loss(Other()).points, tuple(alone.units)


def boxes(seed: int) -> Array:
    """1×6×50: centers and sides of hundreds of px, and two confidences that are 0 but for a few boxes."""
    random = np.random.default_rng(seed)
    confidences = np.where(random.random((2, 50)) < 0.1, random.random((2, 50)), 1e-4)
    return np.concatenate((random.uniform(0, 640, (4, 50)), confidences))[None].astype(np.float32)


def test_confidences_that_vanish_beside_large_boxes_are_no_small_loss() -> None:
    """A decoding in eight bits does just that, and the whole array's error would not show it."""
    wanted = [boxes(seed) for seed in range(3)]
    got = [np.concatenate((each[:, :4], np.zeros_like(each[:, 4:])), 1) for each in wanted]
    whole = sum(np.square(x - y).sum() for x, y in zip(wanted, got, strict=True)) / sum(each.size for each in wanted)
    assert whole < 1e-5 * np.var(wanted)
    points, _ = lost(wanted, got)
    assert points > 25


def test_a_distribution_is_counted_by_its_likeliest_class() -> None:
    wanted = [np.eye(4, dtype=np.float32)[[i % 4, 1, 2, 3]][None] for i in range(4)]
    got = [each.copy() for each in wanted]
    got[0][0, 3] = (1, 0, 0, 0)
    assert lost(wanted, got) == (pytest.approx(100 / 16), ("1 % of the likeliest classes in out, which become others",))


def test_a_map_is_counted_by_its_regions() -> None:
    wanted, got = [np.zeros((1, 1, 32, 32), np.float32) for _ in range(2)], list[Array]()
    for each in wanted:
        each[0, 0, 2:12, 2:30] = 0.9
        each[0, 0, 18:30, 2:30] = 0.9
        got.append(np.where(np.arange(32)[:, None] < 15, each, 0.0).astype(np.float32))
    points, (unit,) = lost(wanted, got)
    assert points == pytest.approx(100 / 3)  # half of the regions are lost, none is new: F = 2/3
    assert "F-score of the regions of out" in unit


@pytest.mark.parametrize("fault", ["nan", "shape", "type"])
def test_what_is_no_answer_loses_all(fault: str) -> None:
    wanted = [boxes(seed) for seed in range(2)]
    changes: dict[str, Callable[[Array], Array]] = {
        "nan": lambda each: np.where(each > 600, np.nan, each).astype(np.float32),
        "shape": lambda each: each[:, :, :-1],
        "type": lambda each: each.astype(np.float64),
    }
    assert lost(wanted, [changes[fault](each) for each in wanted])[0] == 100


# ---- as a user does it


def pictures(folder: Path, count: int = 4) -> Path:
    folder.mkdir()
    for seed in range(count):
        Image.fromarray(levels(seed)[0].transpose(1, 2, 0)).save(folder / f"{seed}.png")
    return folder


def asked(tmp_path: Path, model: ModelProto | None = None, **more: Any) -> Request:
    source = tmp_path / "model.onnx"
    if model is not None:
        source.write_bytes(model.SerializeToString())
    data = more.pop("data", None) or pictures(tmp_path / "pictures")
    kept = {"size": SIZE, "count": 128, "pixels": None, "most": MOST, "machine": "cpu", **more}
    return Request(source, tmp_path / "model.int8.onnx", data=data, **kept)


def quantised(request: Request) -> QuantisedFile:
    return quantise_file(request, lambda *_: None)


def test_a_file_is_made_in_a_sandbox_and_published_with_its_report(tmp_path: Path) -> None:
    """With its weights in another file, which comes along."""
    model = exported(Resizes())
    onnx.save(model, tmp_path / "model.onnx", save_as_external_data=True, location="model.data", size_threshold=0)
    done = quantised(asked(tmp_path, report=tmp_path / "layers.csv"))
    made = tmp_path / "model.int8.onnx"
    assert (done.nbytes, done.images) == (made.stat().st_size, 4)
    assert any("made on 2 images, judged on these and 2 others" in line for line in done.told)
    assert "square letterbox, 64×96" in done.preparation
    onnx.checker.check_model(made, full_check=True)
    properties = {prop.key: prop.value for prop in onnx.load(made).metadata_props}
    assert properties["quantised_by"].startswith("halfpint ") and len(properties["quantised_from_sha256"]) == 64
    assert (tmp_path / "layers.csv").read_text().startswith("layer,form,")
    with pytest.raises(BadRequest, match="exists"):
        quantised(asked(tmp_path, data=tmp_path / "pictures"))


def test_without_images_it_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="needs images such as the model will see") as refused:
        quantised(replace(asked(tmp_path, convolutions(1)), data=None))
    assert "--int8-dynamic" in refused.value.fix


def test_one_image_is_too_few(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="one image is too few"):
        quantised(asked(tmp_path, convolutions(1), data=pictures(tmp_path / "one", 1)))


def test_a_model_of_bytes_scales_them_itself(tmp_path: Path) -> None:
    model = convolutions(1)
    (image,) = model.graph.input
    image.name, image.type.tensor_type.elem_type = "bytes", TensorProto.UINT8
    model.graph.node.insert(0, helper.make_node("Cast", ["bytes"], ["x"], to=TensorProto.FLOAT))
    with pytest.raises(BadRequest, match="takes bytes, and scales them itself"):
        quantised(asked(tmp_path, model, pixels=Pixels(mean=(127.5,) * 3)))


def test_many_channels_are_no_picture(tmp_path: Path) -> None:
    model = convolutions(1, x=[1, 224, 224, 3])
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(np.ones((16, 224, 3, 3), np.float32), "w0"))
    with pytest.raises(BadRequest, match="has 224 channels, and pictures have 1 or 3"):
        quantised(asked(tmp_path, model))
