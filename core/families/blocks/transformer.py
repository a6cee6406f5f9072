"""The transformer inside C3TR: attention between the cells of a feature map.

Everything linear is folded: a layer's q, k, v with the projections of its attention into one 1×1 convolution
each (q scaled by 1/√depth), its two feed-forward layers into one, since nothing stands between them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from ...errors import WeightsRefused
from ...network.layers import Conv2d
from ...network.ops import Ops
from ..folded import Linear, linear, rows
from ..modules import Module
from .blocks import ConvBlock

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class TransformerLayer:
    """Multi-head attention over all cells and a linear layer, each with a residual, no normalisation."""

    query: Conv2d
    key: Conv2d
    value: Conv2d
    out: Conv2d
    forward: Conv2d
    heads: int

    def __call__(self, ops: Ops[T], x: T) -> T:
        x = ops.add(self.attend(ops, x), x)
        return ops.add(ops.conv(x, self.forward), x)

    def attend(self, ops: Ops[T], x: T) -> T:
        """softmax(Q·Kᵀ)·V for each head; N×C×H×W in and out."""
        split = (0, self.heads, self.query.out_channels // self.heads, -1)
        query = ops.permute(ops.reshape(ops.conv(x, self.query), split), (0, 1, 3, 2))
        key = ops.reshape(ops.conv(x, self.key), split)
        weights = ops.softmax(ops.matmul(query, key))
        value = ops.permute(ops.reshape(ops.conv(x, self.value), split), (0, 1, 3, 2))
        mixed = ops.permute(ops.matmul(weights, value), (0, 1, 3, 2))
        return ops.conv(ops.reshape_like(mixed, x), self.out)


@dataclass(frozen=True, eq=False)
class Transformer:
    """An optional convolution to the width, a learned linear position embedding, then the layers."""

    conv: ConvBlock | None
    embed: Conv2d
    layers: tuple[TransformerLayer, ...]

    def __call__(self, ops: Ops[T], x: T) -> T:
        if self.conv is not None:
            x = self.conv(ops, x)
        x = ops.add(x, ops.conv(x, self.embed))
        for layer in self.layers:
            x = layer(ops, x)
        return x


def transformer_layer(module: Module) -> TransformerLayer:
    """The layer that a TransformerLayer module describes. Raises `WeightsRefused`."""
    module.only("q", "k", "v", "ma", "fc1", "fc2")
    attention = module.child("ma")
    width, heads = attention.integer("embed_dim", 1), attention.integer("num_heads", 1)
    if width % heads:
        raise WeightsRefused(f"{attention}: {width} channels do not form {heads} heads")
    if attention.tensor("bias_k") is not None or attention.flag("add_zero_attn") or attention.flag("batch_first"):
        raise WeightsRefused(f"{attention}: added key and value biases, and batches first, are not supported")
    weight = attention.required("in_proj_weight", 3 * width, width)
    bias = attention.weights("in_proj_bias", 3 * width)

    def projected(index: int, name: str) -> Linear:
        return rows(weight, bias, index * width, width).after(linear(module.child(name)))

    return TransformerLayer(
        query=projected(0, "q").scaled((width // heads) ** -0.5).as_conv(module.child("q")),
        key=projected(1, "k").as_conv(module.child("k")),
        value=projected(2, "v").as_conv(module.child("v")),
        out=linear(attention.child("out_proj")).as_conv(attention.child("out_proj")),
        forward=linear(module.child("fc2")).after(linear(module.child("fc1"))).as_conv(module.child("fc1")),
        heads=heads,
    )
