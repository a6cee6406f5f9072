"""Models as torch exports them, with what is hard to change in them: branches, loops, recurrence, choices."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable

import numpy as np
import torch
from onnx import ModelProto, TensorProto, helper, numpy_helper
from torch import Tensor, nn
from torch.nn import functional

SIZE = (64, 96)


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
