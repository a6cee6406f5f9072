"""What is special to each reading, beyond computing the same as the others."""

from __future__ import annotations

import inspect
import io
import json
import re
import struct
import zipfile
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

from halfpint.core.images.synthetic import structured_batch
from halfpint.core.network.layers import Conv2d, layers_of
from halfpint.core.network.ops import ShapeMismatch
from halfpint.core.precisions import FLOATS, FP16, FP32, Precision
from halfpint.core.precisions.dtype import FLOAT64
from halfpint.core.readings.reference import Reference
from halfpint.core.readings.size_constants import GridConstant, size_constants
from halfpint.core.readings.torch_runner import TorchRunner
from halfpint.core.readings.weigher import weigh
from halfpint.core.shapes import InputShape
from halfpint.core.targets.provenance import Provenance
from halfpint.core.targets.torchscript.file import torchscript_bytes
from support.checkpoints import Checkpoint, network_of, nrmse
from support.onnx import answer, known_beforehand, model_of, written
from support.rounding import limits
from support.tracing import loaded_file

pytestmark = pytest.mark.numbers

PROVENANCE = Provenance("tiny.pt", "0" * 64)


# ---- write


@pytest.mark.one_in(4)
@pytest.mark.parametrize("opset", range(11, 22))
@pytest.mark.parametrize("precision", FLOATS, ids=str)
def test_every_opset(tiny: Path, opset: int, precision: Precision) -> None:
    with network_of(tiny) as network:
        model = written(network, opset=opset, precision=precision)
        onnx.checker.check_model(model, full_check=True)
        assert model.opset_import[0].version == opset
        image = structured_batch(3, 64, 96, 0, 2)
        (got,) = answer(model, image)
        (exact,) = Reference(FLOAT64).run(network, image)
        (limit,) = limits(network, image, precision.activations)
        assert nrmse(got, exact) <= limit


def test_the_last_dimension_is_fixed_and_the_others_are_named(tiny: Path) -> None:
    with network_of(tiny) as network:
        graph = written(network).graph
    (image,), (output,) = graph.input, graph.output
    assert [d.dim_param or d.dim_value for d in image.type.tensor_type.shape.dim] == ["batch", 3, "height", "width"]
    assert [d.dim_param or d.dim_value for d in output.type.tensor_type.shape.dim] == ["batch", "anchors", 8]
    assert (image.name, output.name) == ("images", "output0")


@pytest.mark.parametrize("size", [(1, 32, 32), (3, 64, 160), (2, 160, 64), (1, 320, 32), (1, 96, 96)])
def test_one_dynamic_file_is_right_at_every_size_and_batch(tiny: Path, size: tuple[int, int, int]) -> None:
    batch, height, width = size
    with network_of(tiny) as network:
        image = structured_batch(3, height, width, 0, batch)
        (exact,) = Reference(FLOAT64).run(network, image)
        (limit,) = limits(network, image)
        (got,) = answer(written(network), image)
        assert got.shape == exact.shape
        assert nrmse(got, exact) <= limit


def test_half_io(tiny: Path) -> None:
    with network_of(tiny) as network:
        model = written(network, precision=FP16, io=FP16.io)
        onnx.checker.check_model(model, full_check=True)
        (got,) = answer(model, structured_batch(3, 64, 64, 0, 1))
        assert got.dtype == np.float16


def test_fp16_halves_the_weights_and_keeps_the_decoding_in_float32(tiny: Path) -> None:
    with network_of(tiny) as network:
        model = written(network, precision=FP16)
        weights = {t.name: t.data_type for t in model.graph.initializer}
    convs = [name for name in weights if name.endswith((".weight", ".bias"))]
    assert {weights[name] for name in convs} == {onnx.TensorProto.FLOAT16}
    assert weights["model.24.anchors.0"] == onnx.TensorProto.FLOAT


def test_equal_constants_are_stored_once_and_names_are_the_checkpoint_s(tiny: Path) -> None:
    with network_of(tiny) as network:
        model = written(network)
        layers = [layer.name for layer in layers_of(network.body) if isinstance(layer, Conv2d)]
    names = [node.name for node in model.graph.node]
    assert len(set(names)) == len(names)
    assert set(layers) <= set(names)
    contents = [(t.data_type, tuple(t.dims), t.raw_data) for t in model.graph.initializer if "constant" in t.name]
    assert len(set(contents)) == len(contents)


@pytest.mark.parametrize("precision", FLOATS, ids=str)
def test_a_static_file_computes_nothing_that_is_known_beforehand(checkpoint: Checkpoint, precision: Precision) -> None:
    with network_of(checkpoint.path) as network:
        image = (1, 3, 2 * network.stride, 3 * network.stride)
        for opset in range(11, 22):
            model = model_of(network, opset=opset, precision=precision, io=precision.io, image=image)
            assert not known_beforehand(model.graph)


def test_a_static_file_answers_as_a_dynamic_one(checkpoint: Checkpoint) -> None:
    with network_of(checkpoint.path) as network:
        image = structured_batch(3, 2 * network.stride, 3 * network.stride, 0, 2)
        static, dynamic = written(network, image=image.shape), written(network)
        onnx.checker.check_model(static, full_check=True)
        one, other = (answer(model, image, optimized=False) for model in (static, dynamic))
        for got, wanted in zip(one, other, strict=True):
            np.testing.assert_array_equal(got, wanted)


def test_what_follows_from_the_size_is_known_beforehand(tiny: Path) -> None:
    with network_of(tiny) as network:
        constants = size_constants(network, (1, 3, 64, 96))
        assert constants == tuple(GridConstant(f"grid_{i}", 8 >> i, 12 >> i, -0.5) for i in range(3))
        graph = written(network, image=(1, 3, 64, 96)).graph
    cells = numpy_helper.to_array(next(tensor for tensor in graph.initializer if tensor.name == "grid_2"))
    np.testing.assert_array_equal(cells, [[-0.5, 0.5, 1.5, -0.5, 0.5, 1.5], [-0.5, -0.5, -0.5, 0.5, 0.5, 0.5]])


# ---- run


def test_torchscript_carries_yolov5_s_config_and_no_device(tiny: Path) -> None:
    with network_of(tiny) as network:
        data = torchscript_bytes(network, FP16, InputShape(1, 3, 640, 480), PROVENANCE)
    extra = {"config.txt": ""}
    module = torch.jit.load(io.BytesIO(data), _extra_files=extra)
    config = json.loads(extra["config.txt"])
    assert (config["shape"], config["stride"]) == ([1, 3, 640, 480], 32)
    assert config["names"] == {"0": "thing0", "1": "thing1", "2": "thing2"}
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        code = "".join(file.read(name).decode() for name in file.namelist() if name.endswith(".py"))
    assert not re.search(r'torch\.device|"cpu"|"cuda', code)
    assert {p.dtype for p in module.parameters()} == {torch.float16}
    assert {b.dtype for b in module.buffers()} == {torch.float32}


def test_torchscript_answers_a_tuple_as_yolov5_s_does(tiny: Path) -> None:
    with network_of(tiny) as network:
        data = torchscript_bytes(network, FP32, InputShape(1, 3, 64, 64), PROVENANCE)
    with torch.inference_mode():
        outputs = torch.jit.load(io.BytesIO(data))(torch.zeros(2, 3, 96, 64))
    assert isinstance(outputs, tuple)
    assert [tuple(y.shape) for y in outputs] == [(2, 378, 8)]


def test_torchscript_is_what_a_trace_at_its_size_is(tiny: Path) -> None:
    shape = InputShape(2, 3, 96, 160)
    with network_of(tiny) as network:
        data = torchscript_bytes(network, FP32, shape, PROVENANCE)
        # As PyTorch is set to full float32 on GPUs: a trace writes that down.
        with torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            traced = torch.jit.trace(TorchRunner(network), torch.zeros(shape.dims), check_trace=False)
    buffer = io.BytesIO()
    torch.jit.save(traced, buffer)
    assert _said_in(data) == _said_in(buffer.getvalue())


def test_torchscript_follows_its_weights_to_another_precision(tiny: Path) -> None:
    """As YOLOv5's own loader has them follow: `.half()` or `.float()`, and an image of that type."""
    image = torch.rand(1, 3, 96, 64, generator=torch.Generator().manual_seed(0)).half().float()
    with network_of(tiny) as network, torch.inference_mode():
        full, half = (
            torchscript_bytes(network, precision, InputShape(1, 3, 64, 64), PROVENANCE) for precision in (FP32, FP16)
        )
        (widened,) = loaded_file(half).float()(image)
        (wanted,) = TorchRunner(network).half().float()(image)
        assert torch.equal(widened, wanted)
        (wanted,) = loaded_file(half)(image)
        for given in (image, image.half()):
            (halved,) = loaded_file(full).half()(given)
            assert halved.dtype == torch.float32  # its decoding is not halved
            assert torch.equal(halved, wanted)


def test_torchscript_tells_nothing_of_the_machine_that_made_it(tiny: Path) -> None:
    with network_of(tiny) as network:
        data = torchscript_bytes(network, FP32, InputShape(1, 3, 64, 64), PROVENANCE)
    here = [str(Path(path).parent).encode() for path in (inspect.getfile(TorchRunner), torch.__file__)]
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        assert not file.testzip()
        assert not [name for name in file.namelist() if name.endswith((".debug_pkl", "serialization_id"))]
        for record in file.infolist():
            assert not [path for path in here if path in file.read(record)], record
            assert record.date_time == (1980, 1, 1, 0, 0, 0)


def test_records_of_torchscript_begin_where_torch_puts_them(tiny: Path) -> None:
    with network_of(tiny) as network:
        data = torchscript_bytes(network, FP16, InputShape(1, 3, 64, 64), PROVENANCE)
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        records = file.infolist()
    for record in records:
        lengths = struct.unpack_from("<HH", data, record.header_offset + 26)  # of name and extra field
        assert (record.header_offset + 30 + sum(lengths)) % 64 == 0
    packed = {record.filename.split("/")[1] for record in records if record.compress_type != zipfile.ZIP_STORED}
    assert packed == {"code"}


def test_parameters_are_called_as_in_the_checkpoint(tiny: Path) -> None:
    with network_of(tiny) as network:
        names = dict(TorchRunner(network).named_parameters())
    assert "model.0.conv.weight" in names
    assert "model.24.m.2.bias" in names


def _said_in(data: bytes) -> dict[str, list[bytes]]:
    """What the records of a TorchScript file say, without the numbers that torch gives to classes of the same name."""
    said: dict[str, list[bytes]] = {}
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        for name in file.namelist():
            if not name.endswith((".debug_pkl", "serialization_id", "config.txt")):
                text = re.sub(rb"\.___torch_mangle_\d+", b"", file.read(name))
                # Classes of different names share a record of code.
                said.setdefault(name.split("/")[1], []).extend(text.splitlines() if name.endswith(".py") else [text])
    return {part: sorted(texts) for part, texts in said.items()}


# ---- weigh


def test_many_shapes_at_once_weigh_the_same_as_one_by_one(checkpoint: Checkpoint) -> None:
    with network_of(checkpoint.path) as network:
        stride = network.stride
        heights, widths = (axis * stride for axis in np.mgrid[1:6, 1:5])
        many = weigh(network, (2, network.channels, heights, widths), FP16)
        for row, column in np.ndindex(heights.shape):
            size = (int(heights[row, column]), int(widths[row, column]))
            one = weigh(network, (2, network.channels, *size), FP16)
            for at_once, alone in ((many.file, one.file), (many.module, one.module)):
                assert np.asarray(at_once.peak_nbytes)[row, column] == alone.peak_nbytes


def test_no_weight_is_read_to_weigh(tiny: Path) -> None:
    with network_of(tiny) as network:
        weighed = weigh(network, (1, 3, 640, 640))
        assert weighed.file.peak_layer
        assert all("weights" not in vars(layer) for layer in layers_of(network.body))


def test_a_size_that_does_not_suit_the_network_is_told_in_its_own_terms(tiny: Path) -> None:
    with network_of(tiny) as network, pytest.raises(ShapeMismatch, match=r"\(1, 64, 38, 38\)|cannot be joined"):
        weigh(network, (1, 3, 600, 600))
