"""YOLOv5's blocks in plain torch, as the papers and the checkpoints describe them: a second opinion.

The classes bear the names that checkpoints give them, so that `torch.save` writes files like the real ones.
They are slow and unfolded on purpose; what the package computes is held against them.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

COMMON = types.ModuleType("models.common")
EXPERIMENTAL = types.ModuleType("models.experimental")
YOLO = types.ModuleType("models.yolo")


def named(module: types.ModuleType) -> Any:
    """Let a class be pickled under the name that checkpoints know it by."""

    def rename(cls: type) -> type:
        cls.__module__ = module.__name__
        cls.__qualname__ = cls.__name__
        setattr(module, cls.__name__, cls)
        return cls

    return rename


def save(model: nn.Module, path: Path, **rest: Any) -> None:
    """Save a checkpoint as the yolov5 repository does: the model itself, pickled."""
    packages = {"models": types.ModuleType("models"), **{m.__name__: m for m in (COMMON, EXPERIMENTAL, YOLO)}}
    sys.modules.update(packages)
    try:
        torch.save({"epoch": -1, "model": model, "ema": None, "optimizer": None}, path, **rest)
    finally:
        for name in packages:
            del sys.modules[name]


@named(COMMON)
class Conv(nn.Module):
    def __init__(self, c1: int, c2: int, k: Any = 1, s: Any = 1, p: Any = None, g: int = 1, act: Any = "silu") -> None:
        super().__init__()
        padding = p if p is not None else (k // 2 if isinstance(k, int) else tuple(x // 2 for x in k))
        self.conv = nn.Conv2d(c1, c2, k, s, padding, groups=g, bias=False)
        self.bn = nn.BatchNorm2d(c2, eps=1e-3)
        self.act = nn.SiLU() if act == "silu" else act if isinstance(act, nn.Module) else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        return self.act(self.bn(x) if "bn" in self._modules else x)


@named(COMMON)
class DWConv(Conv):
    def __init__(self, c1: int, c2: int, k: int = 3, s: int = 1, act: Any = "silu") -> None:
        super().__init__(c1, c2, k, s, g=c1, act=act)


@named(COMMON)
class Focus(nn.Module):
    def __init__(self, c1: int, c2: int, k: int = 3) -> None:
        super().__init__()
        self.conv = Conv(4 * c1, c2, k)

    def forward(self, x: Tensor) -> Tensor:
        pixels = [x[..., row::2, column::2] for column in (0, 1) for row in (0, 1)]
        return self.conv(torch.cat(pixels, 1))


@named(COMMON)
class Bottleneck(nn.Module):
    def __init__(self, c1: int, c2: int, shortcut: bool = True) -> None:
        super().__init__()
        self.cv1, self.cv2 = Conv(c1, c2), Conv(c2, c2, 3)
        self.add = shortcut and c1 == c2

    def forward(self, x: Tensor) -> Tensor:
        y = self.cv2(self.cv1(x))
        return x + y if self.add else y


@named(EXPERIMENTAL)
class CrossConv(nn.Module):
    def __init__(self, c1: int, c2: int, k: int = 3, shortcut: bool = True) -> None:
        super().__init__()
        self.cv1, self.cv2 = Conv(c1, c2, (1, k)), Conv(c2, c2, (k, 1))
        self.add = shortcut and c1 == c2

    def forward(self, x: Tensor) -> Tensor:
        y = self.cv2(self.cv1(x))
        return x + y if self.add else y


@named(COMMON)
class BottleneckCSP(nn.Module):
    def __init__(self, c1: int, c2: int) -> None:
        super().__init__()
        half = c2 // 2
        self.cv1 = Conv(c1, half)
        self.cv2 = nn.Conv2d(c1, half, 1, bias=False)
        self.cv3 = nn.Conv2d(half, half, 1, bias=False)
        self.cv4 = Conv(2 * half, c2)
        self.bn = nn.BatchNorm2d(2 * half)
        self.act = nn.LeakyReLU(0.1)
        self.m = nn.Sequential(Bottleneck(half, half))

    def forward(self, x: Tensor) -> Tensor:
        both = torch.cat((self.cv3(self.m(self.cv1(x))), self.cv2(x)), 1)
        return self.cv4(self.act(self.bn(both)))


@named(COMMON)
class C3(nn.Module):
    def __init__(self, c1: int, c2: int) -> None:
        super().__init__()
        half = c2 // 2
        self.cv1, self.cv2, self.cv3 = Conv(c1, half), Conv(c1, half), Conv(2 * half, c2)
        self.m = self.inner(half)

    def inner(self, c: int) -> nn.Module:
        return nn.Sequential(Bottleneck(c, c), Bottleneck(c, c, shortcut=False))

    def forward(self, x: Tensor) -> Tensor:
        return self.cv3(torch.cat((self.m(self.cv1(x)), self.cv2(x)), 1))


@named(COMMON)
class C3x(C3):
    def inner(self, c: int) -> nn.Module:
        return nn.Sequential(CrossConv(c, c))


@named(COMMON)
class TransformerLayer(nn.Module):
    def __init__(self, c: int, heads: int) -> None:
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(c, c, bias=False) for _ in range(3))
        self.ma = nn.MultiheadAttention(embed_dim=c, num_heads=heads)
        self.fc1, self.fc2 = nn.Linear(c, c, bias=False), nn.Linear(c, c, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.ma(self.q(x), self.k(x), self.v(x))[0] + x
        return self.fc2(self.fc1(x)) + x


@named(COMMON)
class TransformerBlock(nn.Module):
    def __init__(self, c1: int, c2: int, heads: int, layers: int) -> None:
        super().__init__()
        self.conv = Conv(c1, c2) if c1 != c2 else None
        self.linear = nn.Linear(c2, c2)
        self.tr = nn.Sequential(*(TransformerLayer(c2, heads) for _ in range(layers)))
        self.c2 = c2

    def forward(self, x: Tensor) -> Tensor:
        if self.conv is not None:
            x = self.conv(x)
        cells = x.flatten(2).permute(2, 0, 1)  # cell, batch, channel: the order attention wants
        return self.tr(cells + self.linear(cells)).permute(1, 2, 0).reshape(x.shape)


@named(COMMON)
class C3TR(C3):
    def inner(self, c: int) -> nn.Module:
        return TransformerBlock(c, c, 4, 2)


@named(COMMON)
class GhostConv(nn.Module):
    def __init__(self, c1: int, c2: int, k: int = 1, s: int = 1, act: Any = "silu") -> None:
        super().__init__()
        self.cv1 = Conv(c1, c2 // 2, k, s, act=act)
        self.cv2 = Conv(c2 // 2, c2 // 2, 5, g=c2 // 2, act=act)

    def forward(self, x: Tensor) -> Tensor:
        y = self.cv1(x)
        return torch.cat((y, self.cv2(y)), 1)


@named(COMMON)
class GhostBottleneck(nn.Module):
    def __init__(self, c1: int, c2: int, s: int = 1) -> None:
        super().__init__()
        middle = DWConv(c2 // 2, c2 // 2, 3, 2, act=None) if s == 2 else nn.Identity()
        self.conv = nn.Sequential(GhostConv(c1, c2 // 2), middle, GhostConv(c2 // 2, c2, act=None))
        self.shortcut = (
            nn.Sequential(DWConv(c1, c1, 3, 2, act=None), Conv(c1, c2, act=None)) if s == 2 else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x) + self.shortcut(x)


@named(COMMON)
class C3Ghost(C3):
    def inner(self, c: int) -> nn.Module:
        return nn.Sequential(GhostBottleneck(c, c))


@named(COMMON)
class SPP(nn.Module):
    def __init__(self, c1: int, c2: int) -> None:
        super().__init__()
        self.cv1, self.cv2 = Conv(c1, c1 // 2), Conv(2 * c1, c2)
        self.m = nn.ModuleList(nn.MaxPool2d(k, 1, k // 2) for k in (5, 9, 13))

    def forward(self, x: Tensor) -> Tensor:
        x = self.cv1(x)
        return self.cv2(torch.cat([x, *(pool(x) for pool in self.m)], 1))


@named(COMMON)
class C3SPP(C3):
    def inner(self, c: int) -> nn.Module:
        return SPP(c, c)


@named(COMMON)
class SPPF(nn.Module):
    def __init__(self, c1: int, c2: int, k: int = 5) -> None:
        super().__init__()
        self.cv1, self.cv2 = Conv(c1, c1 // 2), Conv(2 * c1, c2)
        self.m = nn.MaxPool2d(k, 1, k // 2)

    def forward(self, x: Tensor) -> Tensor:
        parts = [self.cv1(x)]
        for _ in range(3):
            parts.append(self.m(parts[-1]))
        return self.cv2(torch.cat(parts, 1))


@named(EXPERIMENTAL)
class MixConv2d(nn.Module):
    """Until v6.0 with LeakyReLU and a residual, since then with SiLU and without."""

    def __init__(self, c1: int, c2: int, old: bool) -> None:
        super().__init__()
        groups = 1 if old else 2
        self.m = nn.ModuleList(nn.Conv2d(c1, c2 // 2, k, padding=k // 2, groups=groups, bias=False) for k in (1, 3))
        self.bn = nn.BatchNorm2d(c2)
        self.act = nn.LeakyReLU(0.1) if old else nn.SiLU()

    def forward(self, x: Tensor) -> Tensor:
        y = self.act(self.bn(torch.cat([conv(x) for conv in self.m], 1)))
        return x + y if isinstance(self.act, nn.LeakyReLU) else y


@named(COMMON)
class Contract(nn.Module):
    def __init__(self, gain: int = 2) -> None:
        super().__init__()
        self.gain = gain

    def forward(self, x: Tensor) -> Tensor:
        s = self.gain
        pieces = [x[..., row::s, column::s] for row in range(s) for column in range(s)]
        return torch.cat(pieces, 1)


@named(COMMON)
class Expand(nn.Module):
    def __init__(self, gain: int = 2) -> None:
        super().__init__()
        self.gain = gain

    def forward(self, x: Tensor) -> Tensor:
        s = self.gain
        n, c, h, w = x.shape
        y = x.new_empty(n, c // (s * s), h * s, w * s)
        for i, piece in enumerate(x.chunk(s * s, 1)):
            y[..., i // s :: s, i % s :: s] = piece
        return y


@named(COMMON)
class Concat(nn.Module):
    def __init__(self, d: int = 1) -> None:
        super().__init__()
        self.d = d

    def forward(self, xs: list[Tensor]) -> Tensor:
        return torch.cat(xs, self.d)


@named(EXPERIMENTAL)
class Sum(nn.Module):
    def __init__(self, n: int, weight: bool) -> None:
        super().__init__()
        self.weight = weight
        if weight:
            self.w = nn.Parameter(-torch.arange(1.0, n) / 2)

    def forward(self, xs: list[Tensor]) -> Tensor:
        factors = torch.sigmoid(self.w) * 2 if self.weight else torch.ones(len(xs) - 1)
        return xs[0] + sum(x * factor for x, factor in zip(xs[1:], factors, strict=True))


@named(YOLO)
class Detect(nn.Module):
    def __init__(self, nc: int, strides: Sequence[float], channels: Sequence[int], masks: int = 0, na: int = 3) -> None:
        super().__init__()
        self.nc, self.no, self.nl, self.na = nc, nc + 5 + masks, len(channels), na
        self.stride = torch.tensor(strides, dtype=torch.float32)
        self.anchors: Tensor
        self.register_buffer("anchors", 1 + 3 * torch.rand(self.nl, na, 2))
        self.m = nn.ModuleList(nn.Conv2d(c, self.no * na, 1) for c in channels)
        self.inplace = True

    def forward(self, xs: list[Tensor]) -> tuple[Tensor, ...]:
        rows: list[Tensor] = []
        for i, x in enumerate(xs):
            n, _, h, w = (y := self.m[i](x)).shape
            y = y.view(n, self.na, self.no, h, w).permute(0, 1, 3, 4, 2)
            stride, anchors = self.stride[i], self.anchors[i].view(1, self.na, 1, 1, 2)
            cells = torch.stack(torch.meshgrid(torch.arange(w), torch.arange(h), indexing="xy"), -1)
            boxes = y[..., : 5 + self.nc].sigmoid()
            xy = (boxes[..., :2] * 2 - 0.5 + cells) * stride
            wh = (boxes[..., 2:4] * 2) ** 2 * anchors * stride
            rows.append(torch.cat((xy, wh, boxes[..., 4:], y[..., 5 + self.nc :]), -1).reshape(n, -1, self.no))
        return (torch.cat(rows, 1),)


@named(COMMON)
class Proto(nn.Module):
    def __init__(self, c1: int, c_: int, c2: int) -> None:
        super().__init__()
        self.cv1, self.cv2, self.cv3 = Conv(c1, c_, 3), Conv(c_, c_, 3), Conv(c_, c2)
        self.upsample = nn.Upsample(scale_factor=2, mode="nearest")

    def forward(self, x: Tensor) -> Tensor:
        return self.cv3(self.cv2(self.upsample(self.cv1(x))))


@named(YOLO)
class Segment(Detect):
    def __init__(self, nc: int, strides: Sequence[float], channels: Sequence[int], masks: int) -> None:
        super().__init__(nc, strides, channels, masks)
        self.nm, self.npr = masks, 8
        self.proto = Proto(channels[0], self.npr, masks)

    def forward(self, xs: list[Tensor]) -> tuple[Tensor, ...]:
        return (*super().forward(xs), self.proto(xs[0]))


@named(COMMON)
class Classify(nn.Module):
    def __init__(self, c1: int, c2: int) -> None:
        super().__init__()
        self.conv = Conv(c1, 32)
        self.pool, self.drop, self.linear = nn.AdaptiveAvgPool2d(1), nn.Dropout(0.0), nn.Linear(32, c2)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return (self.linear(self.drop(self.pool(self.conv(x)).flatten(1))),)


@named(YOLO)
class DetectionModel(nn.Module):
    """Layers wired by index, as (sources, module); the last is the head."""

    def __init__(self, layers: Sequence[tuple[Any, nn.Module]], classes: int, stride: float) -> None:
        super().__init__()
        for i, (source, module) in enumerate(layers):
            module.__dict__.update(i=i, f=source)
        self.model = nn.Sequential(*(module for _, module in layers))
        self.stride = torch.tensor([stride])
        self.names = {i: f"thing{i}" for i in range(classes)}
        self.nc = classes

    def forward(self, x: Any) -> Any:
        made: list[Any] = []
        for module in self.model:
            sources = module.f
            given = [x if j == -1 else made[j] for j in sources] if isinstance(sources, list) else None
            one = x if sources == -1 else made[sources] if isinstance(sources, int) else None
            x = module(given if given is not None else one)
            made.append(x)
        return x


@named(YOLO)
class SegmentationModel(DetectionModel):
    pass


@named(YOLO)
class ClassificationModel(DetectionModel):
    pass


def settled(model: nn.Module, size: tuple[int, int]) -> nn.Module:
    """The model in eval mode, with batch norms that have seen images: its answers depend on the input."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None  # a plain average over what it sees
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.5, 0.5)
    model.train()
    with torch.no_grad():
        model(torch.rand(2, 3, *size))
    return model.eval()
