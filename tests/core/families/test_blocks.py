"""Every block that the public yamls use, held against plain torch: folding, wiring and all four readings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from halfpint.core.errors import WeightsRefused
from halfpint.core.images.synthetic import structured_batch
from halfpint.core.network.network import Network
from halfpint.core.precisions import FLOATS, FP16, Precision
from halfpint.core.precisions.dtype import FLOAT16, FLOAT64
from halfpint.core.readings.reference import Reference
from halfpint.core.readings.torch_runner import TorchRunner
from halfpint.core.readings.weigher import weigh
from halfpint.core.shapes import InputShape
from halfpint.core.targets.provenance import Provenance
from halfpint.core.targets.torchscript.file import torchscript_bytes
from support import witness as w
from support.checkpoints import network_of, nrmse
from support.onnx import answer, known_beforehand, model_of, written
from support.rounding import limits, limits64
from support.tracing import in_order, loaded_file, strip_data, torch_allocations, without_data

pytestmark = pytest.mark.numbers

C = 16  # channels before and after the block
SIZE = (24, 40)

# One input, one output of the same channels; the height and width may change by `scale`.
BLOCKS: dict[str, tuple[Callable[[], nn.Module], float]] = {
    "Conv": (lambda: w.Conv(C, C, 3), 1),
    "Conv without activation": (lambda: w.Conv(C, C, 3, act=None), 1),
    "Conv dilated": (lambda: dilated(w.Conv(C, C, 3, p=2)), 1),
    "Conv fused": (lambda: fused(w.Conv(C, C, 3)), 1),
    "DWConv": (lambda: w.DWConv(C, C, 5), 1),
    "grouped Conv": (lambda: w.Conv(C, C, 3, g=4), 1),
    "plain nn.Conv2d": (lambda: nn.Conv2d(C, C, (1, 3), padding=(0, 1)), 1),
    "nn.BatchNorm2d": (lambda: nn.BatchNorm2d(C), 1),
    "Bottleneck": (lambda: w.Bottleneck(C, C), 1),
    "Bottleneck without shortcut": (lambda: w.Bottleneck(C, C, shortcut=False), 1),
    "CrossConv": (lambda: w.CrossConv(C, C), 1),
    "BottleneckCSP": (lambda: w.BottleneckCSP(C, C), 1),
    "C3": (lambda: w.C3(C, C), 1),
    "C3x": (lambda: w.C3x(C, C), 1),
    "C3TR": (lambda: w.C3TR(C, 2 * C), 1),
    "TransformerBlock with conv": (lambda: w.TransformerBlock(C, 8, 2, 1), 1),
    "C3Ghost": (lambda: w.C3Ghost(C, C), 1),
    "C3SPP": (lambda: w.C3SPP(C, C), 1),
    "GhostConv": (lambda: w.GhostConv(C, C, 3, 2), 1 / 2),
    "GhostBottleneck": (lambda: w.GhostBottleneck(C, C), 1),
    "GhostBottleneck stride 2": (lambda: w.GhostBottleneck(C, C, 2), 1 / 2),
    "SPP": (lambda: w.SPP(C, C), 1),
    "SPPF": (lambda: w.SPPF(C, C), 1),
    "MixConv2d": (lambda: w.MixConv2d(C, C, old=False), 1),
    "MixConv2d before v6.0": (lambda: w.MixConv2d(C, C, old=True), 1),
    "Contract": (lambda: w.Contract(2), 1 / 2),
    "Expand": (lambda: w.Expand(2), 2),
    "nn.Upsample": (lambda: nn.Upsample(scale_factor=2, mode="nearest"), 2),
    "nn.ConvTranspose2d": (lambda: nn.ConvTranspose2d(C, C, 2, 2), 2),
    "nn.ConvTranspose2d grouped": (lambda: nn.ConvTranspose2d(C, C, 4, 2, 1, groups=4), 2),
    "nn.MaxPool2d": (lambda: nn.MaxPool2d(2, 2), 1 / 2),
    "nn.ZeroPad2d and nn.MaxPool2d": (lambda: nn.Sequential(nn.ZeroPad2d((0, 1, 0, 1)), nn.MaxPool2d(2, 1)), 1),
    "nn.Sequential": (lambda: nn.Sequential(w.Conv(C, C, 3), w.Bottleneck(C, C)), 1),
    "nn.Identity": (lambda: nn.Identity(), 1),
}
ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "SiLU": nn.SiLU,
    "Hardswish": nn.Hardswish,
    "LeakyReLU": lambda: nn.LeakyReLU(0.1),
    "ReLU": nn.ReLU,
    "ReLU6": nn.ReLU6,
    "Mish": nn.Mish,
    "ELU": lambda: nn.ELU(0.7),
    "Sigmoid": nn.Sigmoid,
    "Tanh": nn.Tanh,
}


def dilated(conv: w.Conv) -> w.Conv:
    conv.conv.dilation = (2, 2)
    return conv


def fused(conv: w.Conv) -> w.Conv:
    """A Conv whose batch norm is gone, as after YOLOv5's own fusing."""
    del conv.bn
    conv.conv.bias = nn.Parameter(torch.rand(C))
    return conv


def channels_of(block: nn.Module) -> int:
    with torch.no_grad():
        return block.eval()(torch.rand(1, C, 16, 16)).shape[1]


def model_with(block: nn.Module, scale: float) -> nn.Module:
    """A detector of two levels with the block in the middle: between two convolutions of stride 2."""
    c = channels_of(block)
    fine, coarse = 2 / scale, 4 / scale
    layers = [
        (-1, w.Conv(3, C, 3, 2)),
        (-1, block),
        (-1, w.Conv(c, 24, 3, 2)),
        ([1, 2], w.Detect(2, (fine, coarse), (c, 24))),
    ]
    return w.DetectionModel(layers, 2, coarse)


def check(model: nn.Module, path: Path, size: tuple[int, int] = SIZE) -> None:
    """Save the model, read it back, and hold every reading against what the model itself computes."""
    w.settled(model, size)
    w.save(model, path)
    image = structured_batch(3, *size, 0, 2)
    with torch.no_grad():
        witness = [y.numpy() for y in model.double()(torch.from_numpy(image).double())]
    with network_of(path) as network:
        exact = Reference(FLOAT64).run(network, image)
        assert [y.shape for y in exact] == [y.shape for y in witness]
        bounds = limits(network, image)
        for got, wanted, limit in zip(exact, witness, bounds, strict=True):
            assert nrmse(got, wanted) <= limit  # folded weights are rounded to float32 once
        with torch.inference_mode():
            answers = TorchRunner(network).double()(torch.from_numpy(image).double())
            for got, wanted, limit in zip(answers, exact, limits64(network, image), strict=True):
                assert nrmse(got.numpy(), wanted) <= limit
        for opset in (11, 17, 21):
            onnx.checker.check_model(model_proto := written(network, opset=opset), full_check=True)
            for got, wanted, limit in zip(answer(model_proto, image), exact, bounds, strict=True):
                assert nrmse(got, wanted) <= limit, f"opset {opset}"
        for opset in range(11, 22):
            assert not known_beforehand(model_of(network, opset=opset, image=image.shape).graph)
            static, dynamic = written(network, opset=opset, image=image.shape), written(network, opset=opset)
            onnx.checker.check_model(static, full_check=True)
            one, other = (answer(proto, image, optimized=False) for proto in (static, dynamic))
            for got, wanted in zip(one, other, strict=True):
                np.testing.assert_array_equal(got, wanted)
        bounds = limits(network, image, FLOAT16)
        for opset in (12, 17):
            answers = answer(written(network, precision=FP16, opset=opset), image)
            for got, wanted, limit in zip(answers, exact, bounds, strict=True):
                assert nrmse(got, wanted) <= limit, f"opset {opset}"
        for precision in FLOATS:
            check_weigher(network, image.shape, precision)


def check_weigher(network: Network, shape: tuple[int, int, int, int], precision: Precision) -> None:
    weighed = weigh(network, shape, precision)
    allocated = torch_allocations(without_data(network, precision), shape)
    assert [nbytes for _, nbytes in weighed.module.steps][: len(allocated)] == allocated
    data = torchscript_bytes(network, precision, InputShape(*shape), Provenance("block.pt", "0" * 64))
    measured = torch_allocations(strip_data(loaded_file(data)), shape)
    assert in_order(measured) == in_order(nbytes for _, nbytes in weighed.file.steps)


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", BLOCKS)
def test_block(name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    make, scale = BLOCKS[name]
    check(model_with(make(), scale), tmp_path / "block.pt")


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation(name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    check(model_with(w.Conv(C, C, 3, act=ACTIVATIONS[name]()), 1), tmp_path / "activation.pt")


def test_focus(tmp_path: Path) -> None:
    torch.manual_seed(0)
    layers = [(-1, w.Focus(3, C)), (-1, w.Conv(C, 24, 3, 2)), ([0, 1], w.Detect(2, (2, 4), (C, 24)))]
    check(w.DetectionModel(layers, 2, 4), tmp_path / "focus.pt")


@pytest.mark.parametrize("join", ["Concat", "Concat of three", "Sum", "weighted Sum"])
def test_joins(join: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    block, c = {
        "Concat": (w.Concat(), 2 * C),
        "Concat of three": (w.Concat(), 3 * C),
        "Sum": (w.Sum(3, weight=False), C),
        "weighted Sum": (w.Sum(3, weight=True), C),
    }[join]
    layers = [
        (-1, w.Conv(3, C, 3, 2)),
        (-1, w.Conv(C, C, 3)),
        (0, w.Conv(C, C, 3)),
        ([-1, 0] if join == "Concat" else [-1, 0, 1], block),
        (-1, w.Conv(c, 24, 3, 2)),
        ([3, 4], w.Detect(2, (2, 4), (c, 24))),
    ]
    check(w.DetectionModel(layers, 2, 4), tmp_path / "join.pt")


@pytest.mark.parametrize("levels", [2, 3, 4, 5])
def test_any_number_of_levels(levels: int, tmp_path: Path) -> None:
    torch.manual_seed(0)
    convs = [(-1, w.Conv(3 if i == 0 else C, C, 3, 2)) for i in range(levels)]
    strides = [2.0**i for i in range(1, levels + 1)]
    head = (list(range(levels)), w.Detect(1, strides, [C] * levels))
    stride = 2**levels
    check(w.DetectionModel([*convs, head], 1, stride), tmp_path / "levels.pt", (2 * stride, 3 * stride))


def test_segment(tmp_path: Path) -> None:
    torch.manual_seed(0)
    layers = [(-1, w.Conv(3, C, 3, 2)), (-1, w.Conv(C, C, 3, 2)), ([0, 1], w.Segment(2, (2, 4), (C, C), masks=5))]
    check(w.SegmentationModel(layers, 2, 4), tmp_path / "segment.pt")


def test_classify(tmp_path: Path) -> None:
    torch.manual_seed(0)
    layers = [(-1, w.Conv(3, C, 3, 2)), (-1, w.C3(C, C)), (-1, w.Classify(C, 7))]
    check(w.ClassificationModel(layers, 7, 2), tmp_path / "classify.pt")


class Unheard(nn.Module):
    """A block of somebody's own."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


def test_an_unknown_block_is_named_with_its_layer(tmp_path: Path) -> None:
    block = w.named(w.COMMON)(Unheard)()
    w.save(model_with(block, 1), path := tmp_path / "unknown.pt")
    with (
        pytest.raises(WeightsRefused, match=r"layer 1: the block models\.common\.Unheard is not known"),
        network_of(path),
    ):
        pass


def test_a_changed_block_is_refused_rather_than_exported_wrongly(tmp_path: Path) -> None:
    block = w.Bottleneck(C, C)
    block.attention = nn.Conv2d(C, C, 1)
    w.save(model_with(block, 1), path := tmp_path / "changed.pt")
    with (
        pytest.raises(WeightsRefused, match=r"layer 1: .*submodule attention, which that block does not have"),
        network_of(path),
    ):
        pass


def test_an_upsampling_that_is_not_nearest_is_refused(tmp_path: Path) -> None:
    w.save(model_with(nn.Upsample(scale_factor=2, mode="bilinear"), 2), path := tmp_path / "bilinear.pt")
    with pytest.raises(WeightsRefused, match="only nearest-neighbour"), network_of(path):
        pass
