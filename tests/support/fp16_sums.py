"""Processors that sum FP16 convolutions in FP16, played by torch: partial sums of a few products are rounded."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import torch.nn.functional as F
from torch import Tensor

from halfpint.core.network.layers import Activation, Constant, Conv2d, ConvTranspose2d
from halfpint.core.network.network import Network
from halfpint.core.readings.torch_runner import TorchRunner, _activated


class Way(StrEnum):
    """In which order a convolution's products are summed."""

    CHANNELS = "channels"  # a channel's taps, then the next channel's, as the weights lie
    TAPS = "taps"  # a tap's channels, then the next tap's, as kernels for channels-last tensors do
    BACKWARDS = "backwards"
    SPLIT = "split"  # four parts of the sum side by side, and then these (split-k)


@dataclass(frozen=True)
class Sums:
    """Sums of `block` products in FP32, which are rounded to FP16 and added up in FP16."""

    block: int
    way: Way

    def __str__(self) -> str:
        return f"{self.block}-{self.way}"

    def product(self, a: Tensor, b: Tensor) -> Tensor:
        """The matrix product (…, n, k) by (…, k, m) of float32 tensors that hold float16 values."""
        starts = list(range(0, a.shape[-1], self.block))
        if self.way is Way.BACKWARDS:
            starts.reverse()
        count = max(1, len(starts) // 4) if self.way is Way.SPLIT else len(starts)
        return self._total(a, b, [starts[i : i + count] for i in range(0, len(starts), count)])

    def _total(self, a: Tensor, b: Tensor, parts: list[list[int]]) -> Tensor:
        total = None
        for part in parts:
            partial = None
            for start in part:
                block = a[..., start : start + self.block] @ b[..., start : start + self.block, :]
                partial = _rounded(block if partial is None else partial + block)
            assert partial is not None
            total = partial if total is None else _rounded(total + partial)
        assert total is not None
        return total


class Fp16Sums(TorchRunner):
    """A network in FP16 on such a processor."""

    def __init__(self, network: Network, sums: Sums) -> None:
        super().__init__(network)
        self.sums = sums
        self.half()

    def conv(self, x: Tensor, layer: Conv2d, act: Activation | None = None) -> Tensor:
        weight, bias = (value.float() for value in (self._slots[layer].weight, self._slots[layer].bias))
        (kh, kw), (sy, sx), (py, px), (dy, dx) = layer.shape[2:], layer.stride, layer.padding, layer.dilation
        n, _, height, width = x.shape
        size = ((height + 2 * py - dy * (kh - 1) - 1) // sy + 1, (width + 2 * px - dx * (kw - 1) - 1) // sx + 1)
        columns = F.unfold(x.float(), (kh, kw), (dy, dx), (py, px), (sy, sx))
        groups, inner = layer.groups, layer.in_channels // layer.groups
        columns = columns.view(n, groups, inner, kh * kw, -1)
        matrix = weight.view(groups, -1, inner, kh * kw)
        if self.sums.way is Way.TAPS:
            columns, matrix = columns.transpose(2, 3), matrix.transpose(2, 3)
        product = self.sums.product(matrix.flatten(2), columns.flatten(2, 3))
        return _activated((product.reshape(n, -1, *size) + bias[:, None, None]).half(), act)

    def conv_transpose(self, x: Tensor, layer: ConvTranspose2d, act: Activation | None = None) -> Tensor:
        assert layer.stride == layer.shape[2:] and layer.padding == (0, 0)  # no two taps meet
        weight, bias = (value.float() for value in (self._slots[layer].weight, self._slots[layer].bias))
        (n, _, h, w), (kh, kw), groups = x.shape, layer.shape[2:], layer.groups
        matrix = weight.view(groups, layer.in_channels // groups, -1).transpose(1, 2)  # groups × out·taps × in
        product = self.sums.product(matrix, x.float().view(n, groups, -1, h * w))
        cells = product.view(n, layer.out_channels, kh, kw, h, w).permute(0, 1, 4, 2, 5, 3)
        y = cells.reshape(n, layer.out_channels, h * kh, w * kw)
        return _activated((y + bias[:, None, None]).half(), act)

    def matmul(self, x: Tensor, y: Tensor | Constant) -> Tensor:
        if isinstance(y, Constant):  # behind `float32`
            return super().matmul(x, y)
        return self.sums.product(x.float(), y.float()).half()


def _rounded(x: Tensor) -> Tensor:
    return x.half().float()
