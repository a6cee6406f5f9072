"""ResNet-50 in plain torch, as its paper and the timm library lay it out: its memory on a GPU has been published."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Bottleneck(nn.Module):
    """1×1, 3×3 and 1×1 convolutions around a shortcut."""

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(channels, width, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width)
        self.conv3, self.bn3 = nn.Conv2d(width, 4 * width, 1, bias=False), nn.BatchNorm2d(4 * width)
        self.act = nn.ReLU(inplace=True)
        self.downsample = None
        if stride > 1 or channels != 4 * width:
            shortcut = nn.Conv2d(channels, 4 * width, 1, stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(4 * width))

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x
        x = self.conv1(x)
        x = self.act(self.bn1(x))
        x = self.conv2(x)
        x = self.act(self.bn2(x))
        x = self.conv3(x)
        x = self.bn3(x)
        if self.downsample is not None:
            shortcut = self.downsample(shortcut)
        x += shortcut
        return self.act(x)


class ResNet50(nn.Module):
    """The network with its 1000 classes."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64)
        self.act, self.pool = nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)
        self.layer1 = _stage(64, 64, 3, 1)
        self.layer2 = _stage(256, 128, 4, 2)
        self.layer3 = _stage(512, 256, 6, 2)
        self.layer4 = _stage(1024, 512, 3, 2)
        self.fc = nn.Linear(2048, 1000)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(x)
        x = self.act(self.bn1(x))
        x = self.pool(x)
        x = self.layer1(x)
        x = self.layer2(x)
        x = self.layer3(x)
        x = self.layer4(x)
        return self.fc(x.mean((2, 3)))

    def tensors(self) -> list[Tensor]:
        """Parameters and buffers in the order in which `to` moves them: children first."""
        found: list[Tensor] = []

        def visit(module: nn.Module) -> None:
            for child in module.children():
                visit(child)
            found.extend(module.parameters(recurse=False))
            found.extend(module.buffers(recurse=False))

        visit(self)
        return found


def _stage(channels: int, width: int, count: int, stride: int) -> nn.Sequential:
    blocks = [Bottleneck(channels, width, stride)]
    blocks += [Bottleneck(4 * width, width, 1) for _ in range(count - 1)]
    return nn.Sequential(*blocks)


def resnet50() -> ResNet50:
    """On the meta device: shapes without data."""
    with torch.device("meta"):
        return ResNet50().eval()
