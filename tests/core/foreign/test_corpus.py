"""The models that people have: each is halved and verified, or refused with a reason; those of torch are made here.

Models of packages on PyPI are tried where these are installed; nothing of the packages is imported.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import ModelProto, TensorProto, helper, numpy_helper
from torch import Tensor, nn
from torch.nn import functional

from halfpint.core.errors import BadRequest
from halfpint.core.export.halved_file import HalvedFile, halve_file
from halfpint.core.verify.evidence import Verdict
from support.jobs import names

SIZE = (64, 96)


# ---- what packages carry


@dataclass(frozen=True)
class Carried:
    """A model in a package, the size it is tried at, and the largest share of its bytes that is left."""

    package: str
    path: str
    size: tuple[int, int]
    share: float

    def file(self) -> Path:
        """Where it lies; the test is skipped where the package is not installed."""
        try:
            return Path(str(distribution(self.package).locate_file(self.path)))
        except PackageNotFoundError:
            how = f"pip install --no-deps {self.package}"
            pytest.skip(f"{self.package}, which carries {Path(self.path).name}, is not installed ({how})")


_OCR = "rapidocr_onnxruntime/models"
CARRIED = (
    Carried("rapidocr-onnxruntime", f"{_OCR}/ch_PP-OCRv4_det_infer.onnx", (320, 320), 0.51),
    Carried("rapidocr-onnxruntime", f"{_OCR}/ch_PP-OCRv4_rec_infer.onnx", (48, 320), 0.51),
    Carried("rapidocr-onnxruntime", f"{_OCR}/ch_ppocr_mobile_v2.0_cls_infer.onnx", (48, 192), 0.53),
    Carried("nudenet", "nudenet/320n.onnx", (320, 320), 0.51),
    Carried("ddddocr", "ddddocr/common_det.onnx", (416, 416), 0.51),
    Carried("ddddocr", "ddddocr/common.onnx", (64, 160), 0.51),
)


@pytest.mark.parametrize("carried", CARRIED, ids=lambda carried: Path(carried.path).stem)
def test_models_of_packages(carried: Carried, tmp_path: Path) -> None:
    target = tmp_path / "half.onnx"
    done = halve_file(carried.file(), target, carried.size)
    assert done.report.verdict is not Verdict.FAIL
    assert done.nbytes <= carried.share * done.nbytes_before


def test_a_size_that_a_model_does_not_take_is_not_its_fault(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match=r"does not run at 640×640.*--imgsz H W"):
        halve_file(CARRIED[1].file(), tmp_path / "half.onnx", (640, 640))
    assert not list(names(tmp_path))


# ---- what torch exports


class Recogniser(nn.Module):
    """Convolutions, then a recurrent layer over columns, as text is read; `kind`: of the layer."""

    def __init__(self, kind: type[nn.LSTM] | type[nn.GRU]) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 24, 3, 2, 1)
        self.norm = nn.BatchNorm2d(24)
        self.rnn = kind(24, 48, 2, bidirectional=True, batch_first=True)
        self.head = nn.Linear(96, 40)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(self.norm(self.conv(x))).mean(2).permute(0, 2, 1)
        return self.head(self.rnn(x)[0]).softmax(-1)


class Attends(nn.Module):
    """Patches, then a layer of a transformer."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = nn.Conv2d(3, 64, 16, 16)
        self.layer = nn.TransformerEncoderLayer(64, 4, 128, activation="gelu", batch_first=True, norm_first=True)
        self.head = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.layer(self.patch(x).flatten(2).transpose(1, 2)).mean(1))


class Einsums(nn.Module):
    """Attention as it is written with sums over indices."""

    def __init__(self) -> None:
        super().__init__()
        self.q, self.k, self.v = (nn.Conv2d(3, 16, 3, 4, 1) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (conv(x).flatten(2) for conv in (self.q, self.k, self.v))
        weights = (torch.einsum("bcn,bcm->bnm", q, k) / 4).softmax(-1)
        return torch.einsum("bnm,bcm->bcn", weights, v)


class Resizes(nn.Module):
    """A pyramid: one map grows to another's size, and by a factor."""

    def __init__(self) -> None:
        super().__init__()
        self.fine, self.coarse = nn.Conv2d(3, 16, 3, 2, 1), nn.Conv2d(16, 16, 3, 2, 1)
        self.up, self.out = nn.ConvTranspose2d(16, 8, 2, 2), nn.Conv2d(8, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        fine = functional.silu(self.fine(x))
        coarse = functional.interpolate(self.coarse(fine), size=fine.shape[2:], mode="bilinear", align_corners=False)
        grown = functional.interpolate(functional.hardswish(coarse + fine), scale_factor=2.0, mode="nearest")
        return torch.sigmoid(self.out(functional.avg_pool2d(self.up(grown), 2)))


class Detects(nn.Module):
    """Scores and boxes of every place of a map."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.scores, self.boxes = nn.Conv2d(3, 16, 3, 8, 1), nn.Conv2d(16, 4, 1), nn.Conv2d(16, 4, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = functional.leaky_relu(self.body(x), 0.1)
        return self.scores(x).flatten(2).sigmoid(), self.boxes(x).flatten(2).transpose(1, 2) * 8


class Tops(Detects):
    """The best places: an order that rounding may change."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        scores, boxes = super().forward(x)
        best, where = scores.max(1).values.topk(20)
        return best, boxes.gather(1, where[..., None].expand(-1, -1, 4))


class Normed(nn.Module):
    """Other norms, a grid that is sampled, a weight that is computed."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.group, self.instance = nn.Conv2d(3, 16, 3, 2, 1), nn.GroupNorm(4, 16), nn.InstanceNorm2d(16)
        self.weight = nn.Parameter(torch.randn(8, 16, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        x = self.instance(functional.gelu(self.group(self.conv(x))))
        weight = self.weight - self.weight.mean((1, 2, 3), keepdim=True)
        return functional.conv2d(functional.pad(x, (1, 1, 1, 1), mode="reflect"), weight)


class Sampled(nn.Module):
    """A map that is sampled where the network says."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.flow = nn.Conv2d(3, 8, 3, 1, 1), nn.Conv2d(8, 2, 3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        return functional.grid_sample(x, self.flow(x).tanh().permute(0, 2, 3, 1), align_corners=False)


class Branches(nn.Module):
    """A branch that reads what was computed before it, from inside."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.third = nn.Conv2d(3, 8, 3, 2, 1), nn.Conv2d(8, 8, 3, 1, 1), nn.Conv2d(8, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.second(self.first(x))
        if x.shape[2] > 16:  # noqa: SIM108 a branch in TorchScript
            x = torch.relu(x) + 1.0
        else:
            x = torch.tanh(x)
        return self.third(x)


class Loops(nn.Module):
    """A loop over steps that are known when it runs."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 8, 3, 2, 1), nn.Conv2d(8, 8, 3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        total = torch.zeros_like(x)
        for i in range(x.shape[0] + 2):
            total = total + x * float(i)
        return self.second(total)


def exported(module: nn.Module, *, scripted: bool = False, opset: int = 17) -> ModelProto:
    """A network as torch exports it, with any batch, height and width; its weights are drawn by lot, and the same."""
    torch.manual_seed(0)
    for parameter in module.parameters():
        if parameter.ndim > 1:
            nn.init.xavier_uniform_(parameter)
    module = module.eval()
    axes = {"images": {0: "n", 2: "h", 3: "w"}}
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # this exporter is deprecated, and traces what it is given
        image = torch.rand(1, 3, *SIZE)
        torch.onnx.export(
            torch.jit.script(module) if scripted else module,
            (image,),
            buffer,  # pyright: ignore[reportArgumentType] it takes one
            dynamo=False,
            opset_version=opset,
            input_names=["images"],
            dynamic_axes=axes,
        )
    return ModelProto.FromString(buffer.getvalue())


def suppressed() -> ModelProto:
    """A detector with non-maximum suppression behind it: how many boxes there are depends on the image."""
    model = exported(Detects())
    graph = model.graph
    scores, boxes = (port.name for port in graph.output)
    limits = {"most": np.array([50]), "iou": np.array([0.5], np.float32), "least": np.array([0.5], np.float32)}
    graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in limits.items())
    graph.node.append(helper.make_node("NonMaxSuppression", [boxes, scores, *limits], ["selected"]))
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info("selected", TensorProto.INT64, ["count", 3]))
    return model


def recurrent(kind: type[nn.LSTM] | type[nn.GRU]) -> ModelProto:
    torch.manual_seed(0)
    return exported(Recogniser(kind))


# By model: the largest share of its bytes that is left. Small graphs have bytes beside their weights.
MADE: dict[str, tuple[Callable[[], ModelProto], float]] = {
    "LSTM": (lambda: recurrent(nn.LSTM), 0.55),
    "GRU": (lambda: recurrent(nn.GRU), 0.55),
    "attention": (lambda: exported(Attends()), 0.6),
    "einsum": (lambda: exported(Einsums()), 1.0),
    "Resize": (lambda: exported(Resizes()), 1.0),
    "TopK": (lambda: exported(Tops()), 1.0),
    "NonMaxSuppression": (suppressed, 1.0),
    "norms": (lambda: exported(Normed()), 1.0),
    "GridSample": (lambda: exported(Sampled()), 1.1),
    "If": (lambda: exported(Branches(), scripted=True), 1.1),
    "Loop": (lambda: exported(Loops(), scripted=True), 1.1),
}


def halved(model: ModelProto, folder: Path, *, half_io: bool = False) -> HalvedFile:
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    return halve_file(folder / "model.onnx", folder / "half.onnx", SIZE, half_io=half_io)


@pytest.mark.parametrize("name", MADE)
def test_models_that_torch_exports(name: str, tmp_path: Path) -> None:
    make, share = MADE[name]
    model = make()
    if name[0].isupper():
        assert name in {node.op_type for node in model.graph.node}
    done = halved(model, tmp_path)
    assert done.report.verdict is not Verdict.FAIL, done.report
    assert done.nbytes <= share * done.nbytes_before


@pytest.mark.parametrize("name", ["TopK", "NonMaxSuppression"])
def test_what_is_chosen_is_judged_by_what_it_is_chosen_from(name: str, tmp_path: Path) -> None:
    done = halved(MADE[name][0](), tmp_path)
    told = {check.name: check for check in done.report.checks}
    assert name in told["choices"].message
    assert told["accuracy"].verdict is Verdict.PASS


def test_data_in_other_files_come_along(tmp_path: Path) -> None:
    model = exported(Attends())
    source = tmp_path / "model.onnx"
    onnx.save(model, source, save_as_external_data=True, location="model.data", size_threshold=0)
    done = halve_file(source, tmp_path / "half.onnx", SIZE)
    assert done.report.verdict is Verdict.PASS
    assert done.nbytes <= 0.6 * (tmp_path / "model.data").stat().st_size
    onnx.checker.check_model(tmp_path / "half.onnx", full_check=True)


def test_pixels_as_bytes(tmp_path: Path) -> None:
    model = exported(Resizes())
    (image,) = model.graph.input
    image.name, image.type.tensor_type.elem_type = "bytes", TensorProto.UINT8
    model.graph.node.insert(0, helper.make_node("Cast", ["bytes"], ["images"], to=TensorProto.FLOAT))
    assert halved(model, tmp_path).report.verdict is Verdict.PASS


def test_models_of_the_first_years_list_their_weights_as_inputs(tmp_path: Path) -> None:
    model = exported(Resizes(), opset=11)
    model.ir_version = 3
    for tensor in model.graph.initializer:
        model.graph.input.append(helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims))
    assert halved(model, tmp_path).report.verdict is Verdict.PASS


def test_an_output_that_a_branch_reads_cannot_be_fp16(tmp_path: Path) -> None:
    model = exported(Branches(), scripted=True)
    branch = next(node for node in model.graph.node if node.op_type == "If")
    (read, *_) = (name for node in branch.attribute[0].g.node for name in node.input if name)
    outer = {name for node in model.graph.node for name in node.output}
    assert read in outer
    model.graph.output.append(helper.make_tensor_value_info(read, TensorProto.FLOAT, None))
    with pytest.raises(BadRequest, match="is read inside of a branch or loop"):
        halved(model, tmp_path, half_io=True)


def test_models_of_several_inputs_are_refused(tmp_path: Path) -> None:
    model = exported(Resizes())
    model.graph.input.append(helper.make_tensor_value_info("scale", TensorProto.FLOAT, [1, 2]))
    with pytest.raises(BadRequest, match="the model has 2 inputs: only models of one image can be verified"):
        halved(model, tmp_path)
