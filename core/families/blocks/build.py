"""From a checkpoint's modules to blocks, one builder a class. What no builder knows is refused by name."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from ...errors import WeightsRefused
from ...network.layers import Activation, Conv2d, Weights
from ...shapes import MAX_SIDE
from ...untrusted import printable
from ...weights.pickled import Record
from ..folded import BatchNorm, batch_norm, conv, conv_transpose, linear
from ..modules import Module
from . import blocks as b
from .transformer import Transformer, transformer_layer

# By class: what builds the block of a module. Each gets all of them, for the modules inside of its own.
Builders: TypeAlias = "Mapping[str, Builder]"
Builder: TypeAlias = Callable[[Module, Builders], b.Block]


def block_of(module: Module, builders: Builders) -> b.Block:
    """The block that a module describes. Raises `WeightsRefused` that names a class not known here."""
    builder = builders.get(module.kind)
    if builder is None:
        raise _unknown(module)
    return builder(module, builders)


def plain(build: Callable[[Module], b.Block]) -> Builder:
    """A builder of a block that has no other blocks inside."""
    return lambda module, _: build(module)


def join_of(module: Module, count: int) -> b.Join:
    """The block with `count` inputs that a module describes. Raises `WeightsRefused` likewise."""
    match module.kind:
        case "Concat":
            axis = module.integer("d")
            if axis != 1:
                raise WeightsRefused(f"{module} joins along axis {axis}; only channels (1) are supported")
            return b.Concat(axis)
        case "Sum":
            return _sum(module, count)
        case _:
            raise _unknown(module)


def _unknown(module: Module) -> WeightsRefused:
    return WeightsRefused(
        f"the block {printable(module.full_kind)} is not known",
        "the file does not say what it computes, so it is not exported rather than exported wrongly",
    )


def activation(module: Module) -> Activation | None:
    """The activation that a module is, None for the identity. Raises `WeightsRefused` for an unknown one."""
    match module.kind:
        case "Identity":
            return None
        case "SiLU" | "Swish" | "MemoryEfficientSwish":
            return Activation("silu")
        case "Mish" | "MemoryEfficientMish":
            return Activation("mish")
        case "Hardswish" | "ReLU" | "ReLU6" | "Sigmoid" | "Tanh":
            return Activation(module.kind.lower())
        case "LeakyReLU":
            return Activation("leaky_relu", module.number("negative_slope"))
        case "ELU":
            return Activation("elu", module.number("alpha"))
        case _:
            raise WeightsRefused(f"the activation {printable(module.full_kind)} is not known")


def _act(module: Module) -> Activation | None:
    act = module.children.get("act")
    return None if act is None else activation(act)


def _norm(module: Module) -> BatchNorm | None:
    norm = module.children.get("bn")
    return None if norm is None else BatchNorm(norm)


def _split_norm(module: Module, convs: Sequence[Module]) -> list[BatchNorm]:
    """The parts of a batch norm that follows several convolutions, joined."""
    return BatchNorm(module.child("bn")).split([conv.integer("out_channels") for conv in convs])


def conv_block(module: Module) -> b.ConvBlock:
    """A Conv or DWConv: convolution, batch norm (gone once it is fused), activation."""
    module.only("conv", "bn", "act")
    return b.ConvBlock(conv(module.child("conv"), _norm(module)), _act(module))


def chain(module: Module, builders: Builders) -> b.Chain:
    """The blocks of an `nn.Sequential`, identities left out."""
    return b.Chain(tuple(block_of(child, builders) for child in module.children.values() if child.kind != "Identity"))


def _focus(module: Module) -> b.ConvBlock:
    """Focus puts every second pixel into channels: with its convolution, one of twice the size and stride."""
    module.only("conv")
    inner = conv_block(module.child("conv"))
    layer = inner.conv
    out_channels, in_channels, height, width = layer.shape
    if layer.groups != 1 or in_channels % 4 or layer.dilation != (1, 1):
        raise WeightsRefused(f"{module}: its convolution has groups or a dilation, which Focus never has")
    channels = in_channels // 4
    shape = (out_channels, channels, 2 * height, 2 * width)

    def load() -> Weights:
        import numpy as np

        weight, bias = layer.load()
        spread = np.empty(shape, np.float32)
        # The order in which Focus stacks the pixels (row, column) of each 2×2 block.
        for i, (row, column) in enumerate(((0, 0), (1, 0), (0, 1), (1, 1))):
            spread[:, :, row::2, column::2] = weight[:, i * channels : (i + 1) * channels]
        return Weights(spread, bias)

    (sy, sx), (py, px) = layer.stride, layer.padding
    whole = Conv2d(layer.name, shape, load, stride=(2 * sy, 2 * sx), padding=(2 * py, 2 * px))
    return b.ConvBlock(whole, inner.act)


def _bottleneck(module: Module) -> b.Bottleneck:
    module.only("cv1", "cv2")
    return b.Bottleneck(conv_block(module.child("cv1")), conv_block(module.child("cv2")), module.flag("add"))


def _cross_stage(module: Module, builders: Builders) -> b.CrossStage:
    """C3 and its kin, and BottleneckCSP (recognised by its fourth convolution)."""
    if "cv4" not in module.children:
        module.only("cv1", "cv2", "cv3", "m")
        return b.CrossStage(
            stem=conv_block(module.child("cv1")),
            inner=block_of(module.child("m"), builders),
            stem_out=None,
            bypass=conv_block(module.child("cv2")),
            out=conv_block(module.child("cv3")),
        )
    module.only("cv1", "cv2", "cv3", "cv4", "bn", "act", "m")
    stem_out, bypass, act = module.child("cv3"), module.child("cv2"), _act(module)
    stem_norm, bypass_norm = _split_norm(module, (stem_out, bypass))
    return b.CrossStage(
        stem=conv_block(module.child("cv1")),
        inner=block_of(module.child("m"), builders),
        stem_out=b.ConvBlock(conv(stem_out, stem_norm), act),
        bypass=b.ConvBlock(conv(bypass, bypass_norm), act),
        out=conv_block(module.child("cv4")),
    )


def _spp(module: Module) -> b.SPP:
    module.only("cv1", "cv2", "m")
    sizes = tuple(same_pool(child) for child in module.child("m").children.values())
    return b.SPP(conv_block(module.child("cv1")), conv_block(module.child("cv2")), sizes)


def _sppf(module: Module) -> b.SPPF:
    module.only("cv1", "cv2", "m")
    return b.SPPF(conv_block(module.child("cv1")), conv_block(module.child("cv2")), same_pool(module.child("m")))


def same_pool(module: Module) -> int:
    """The window of a pooling that keeps height and width. Raises `WeightsRefused` for another."""
    pool = _max_pool(module)
    size = pool.kernel[0]
    if pool != b.MaxPool((size, size), (1, 1), (size // 2, size // 2)) or size % 2 == 0:
        raise WeightsRefused(f"{module}: a pooling that keeps the size was expected")
    return size


def _max_pool(module: Module) -> b.MaxPool:
    if module.pair("dilation") != (1, 1) or module.flag("ceil_mode") or module.flag("return_indices"):
        raise WeightsRefused(f"{module}: dilation, ceil mode and indices are not supported")
    kernel, stride = module.pair("kernel_size", 1, MAX_SIDE), module.pair("stride", 1, MAX_SIDE)
    padding = module.pair("padding", 0, min(kernel) // 2)  # more, and a window could lie in the padding alone
    return b.MaxPool(kernel, stride, padding)


def _zero_pad(module: Module) -> b.ZeroPad:
    left, right, top, bottom = module.integers("padding", 4, 0, MAX_SIDE)
    return b.ZeroPad(left, right, top, bottom)


def _upsample(module: Module) -> b.Upsample:
    scale = module.number("scale_factor", 1)
    if module.attribute("mode") != "nearest" or module.attribute("size") is not None or not scale.is_integer():
        raise WeightsRefused(f"{module}: only nearest-neighbour enlargement by a whole factor is supported")
    return b.Upsample(int(scale))


def _ghost_conv(module: Module) -> b.GhostConv:
    module.only("cv1", "cv2")
    return b.GhostConv(conv_block(module.child("cv1")), conv_block(module.child("cv2")))


def _ghost_bottleneck(module: Module, builders: Builders) -> b.Residual:
    module.only("conv", "shortcut")
    shortcut = module.child("shortcut")
    return b.Residual(
        main=chain(module.child("conv"), builders),
        shortcut=b.Chain(()) if shortcut.kind == "Identity" else chain(shortcut, builders),
    )


def _mix_conv(module: Module) -> b.MixConv:
    module.only("m", "bn", "act")
    children, act = list(module.child("m").children.values()), _act(module)
    norms = _split_norm(module, children)
    convs = (b.ConvBlock(conv(child, norm), act) for child, norm in zip(children, norms, strict=True))
    # Until v6.0 MixConv2d had a residual and LeakyReLU; both went together.
    return b.MixConv(tuple(convs), shortcut=act is not None and act.kind == "leaky_relu")


def _transformer(module: Module) -> Transformer:
    module.only("conv", "linear", "tr")
    embed = module.child("linear")
    return Transformer(
        conv=conv_block(module.child("conv")) if "conv" in module.children else None,
        embed=linear(embed).as_conv(embed),
        layers=tuple(transformer_layer(child) for child in module.child("tr").children.values()),
    )


def _sum(module: Module, count: int) -> b.Sum:
    added = module.attribute("iter")  # range(n - 1): the inputs behind the first
    if added is not None and (not isinstance(added, Record) or added.args != (0, count - 1, 1)):
        raise WeightsRefused(f"{module} does not add up the {count} layers that it reads")
    weight = module.weights("w", count - 1)
    if module.flag("weight") is not (weight is not None):
        raise WeightsRefused(f"{module} does not say whether its weights count")
    if weight is None:
        return b.Sum(())
    factors = tuple(2 / (1 + math.exp(-max(value, -700.0))) for value in weight.values())  # e⁷⁰⁹ is the largest power
    if not all(map(math.isfinite, factors)):
        raise WeightsRefused(f"{module}: its weights are not finite")
    return b.Sum(factors)


BUILDERS: Builders = {
    "Conv": plain(conv_block),
    "DWConv": plain(conv_block),
    "Conv2d": plain(lambda module: b.ConvBlock(conv(module), None)),
    "BatchNorm2d": plain(lambda module: b.ConvBlock(batch_norm(module), None)),
    "ConvTranspose2d": plain(lambda module: b.TransposeBlock(conv_transpose(module))),
    "DWConvTranspose2d": plain(lambda module: b.TransposeBlock(conv_transpose(module))),
    "Focus": plain(_focus),
    "Bottleneck": plain(_bottleneck),
    "CrossConv": plain(_bottleneck),
    "C3": _cross_stage,
    "C3x": _cross_stage,
    "C3TR": _cross_stage,
    "C3SPP": _cross_stage,
    "C3Ghost": _cross_stage,
    "BottleneckCSP": _cross_stage,
    "TransformerBlock": plain(_transformer),
    "SPP": plain(_spp),
    "SPPF": plain(_sppf),
    "GhostConv": plain(_ghost_conv),
    "GhostBottleneck": _ghost_bottleneck,
    "MixConv2d": plain(_mix_conv),
    "Contract": plain(lambda module: b.Contract(module.integer("gain", 1, MAX_SIDE))),
    "Expand": plain(lambda module: b.Expand(module.integer("gain", 1, MAX_SIDE))),
    "Upsample": plain(_upsample),
    "MaxPool2d": plain(_max_pool),
    "ZeroPad2d": plain(_zero_pad),
    "Sequential": chain,
    "Identity": plain(lambda _: b.Chain(())),
}
