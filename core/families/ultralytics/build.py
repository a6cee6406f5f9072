"""From a checkpoint's modules to the blocks of YOLOv8 and later, one builder a class."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...errors import WeightsRefused
from ...network.layers import Activation, Conv2d
from ..blocks.blocks import SPPF, Block, Bottleneck, Chain, ConvBlock
from ..blocks.build import BUILDERS as SHARED
from ..blocks.build import Builders, activation, block_of, chain, conv_block, plain, same_pool
from ..folded import conv_part, conv_sum, float64, scaled_channels
from ..modules import Module
from .blocks import Added, Apart, Attention, Forked, Halves, Stages

if TYPE_CHECKING:
    from ..folded import Float64

_MAX_POOLS = 64
_MAX_CHANNELS = 1 << 16


def halves(module: Module) -> tuple[ConvBlock, ConvBlock]:
    """A convolution whose channels go two ways, as one for each. Raises `WeightsRefused` for an odd number of them."""
    both = conv_block(module)
    each, odd = divmod(both.conv.out_channels, 2)
    if odd:
        raise WeightsRefused(f"{module}: its {both.conv.out_channels} channels are to be halved")
    first, second = (conv_part(both.conv, name, range(at, at + each)) for name, at in (("first", 0), ("second", each)))
    return ConvBlock(first, both.act), ConvBlock(second, both.act)


def linear_conv(module: Module) -> Conv2d:
    """The convolution of a Conv without an activation. Raises `WeightsRefused` if it has one."""
    block = conv_block(module)
    if block.act is not None:
        raise WeightsRefused(f"{module}: an activation, {block.act.kind}, is not expected there")
    return block.conv


def _stages(module: Module, builders: Builders) -> Stages:
    module.only("cv1", "cv2", "m")
    inner = tuple(block_of(child, builders) for child in module.child("m").children.values())
    return Stages(halves(module.child("cv1")), inner, conv_block(module.child("cv2")))


def _first_half_through(module: Module, builders: Builders) -> Halves:
    """C2: the first half goes through blocks."""
    module.only("cv1", "cv2", "m")
    first, second = halves(module.child("cv1"))
    return Halves(Chain((first, chain(module.child("m"), builders))), second, conv_block(module.child("cv2")))


def _second_half_through(module: Module, builders: Builders) -> Halves:
    """C2PSA: the second half goes through blocks."""
    module.only("cv1", "cv2", "m")
    first, second = halves(module.child("cv1"))
    return Halves(first, Chain((second, chain(module.child("m"), builders))), conv_block(module.child("cv2")))


def _one_attention(module: Module, builders: Builders) -> Halves:
    """PSA: the second half goes through attention and two convolutions, each with a shortcut."""
    module.only("cv1", "cv2", "attn", "ffn")
    first, second = halves(module.child("cv1"))
    blocks = (Added(block_of(module.child("attn"), builders)), Added(chain(module.child("ffn"), builders)))
    return Halves(first, Chain((second, *blocks)), conv_block(module.child("cv2")))


def _aggregated(module: Module, builders: Builders) -> Stages:
    """ELAN1 and RepNCSPELAN4: two blocks, one behind the other."""
    module.only("cv1", "cv2", "cv3", "cv4")
    inner = (block_of(module.child("cv2"), builders), block_of(module.child("cv3"), builders))
    return Stages(halves(module.child("cv1")), inner, conv_block(module.child("cv4")))


def _reparameterized(module: Module) -> ConvBlock:
    """Convolutions of several kernels, and perhaps a batch norm, of one input, added up: RepConv, RepVGGDW."""
    module.only("conv", "conv1", "conv2", "bn", "act")
    names = [name for name in ("conv", "conv1", "conv2") if name in module.children]
    layers = [linear_conv(module.child(name)) for name in names]
    if "bn" in module.children:
        raise WeightsRefused(f"{module}: a batch norm of the input is added, which is not supported yet")
    if len(layers) < 2:
        raise WeightsRefused(f"{module} is not the sum of two convolutions")
    act: Activation | None = activation(module.child("act"))
    return ConvBlock(conv_sum(*layers), act)


def _reparameterized_bottleneck(module: Module) -> Bottleneck:
    module.only("cv1", "cv2")
    return Bottleneck(_reparameterized(module.child("cv1")), conv_block(module.child("cv2")), module.flag("add"))


def _downsampled(module: Module) -> Chain:
    """SCDown: one convolution for the channels, one for the size."""
    module.only("cv1", "cv2")
    return Chain((conv_block(module.child("cv1")), conv_block(module.child("cv2"))))


def _mean_and_conv(module: Module) -> Chain:
    """AConv: the mean of each 2×2 cells, and a convolution."""
    module.only("cv1")
    last = conv_block(module.child("cv1"))
    return Chain((_mean(module, last.conv.in_channels), last))


def _mean_and_two(module: Module) -> Forked:
    """ADown: the mean of each 2×2 cells, and a convolution for each half of the channels, one behind a pooling."""
    module.only("cv1", "cv2")
    first, second = (conv_block(module.child(name)) for name in ("cv1", "cv2"))
    return Forked(_mean(module, first.conv.in_channels + second.conv.in_channels), first, second)


def _mean(module: Module, channels: int) -> Apart:
    """The mean of each 2×2 cells, without a border."""

    def quarters() -> Float64:
        import numpy as np

        return np.full((channels, 2, 2), 0.25)

    return Apart(scaled_channels(f"{module.path}.mean", channels, 2, quarters))


def _pooled(module: Module) -> SPPF:
    """SPPELAN: the maxima of three poolings with one window."""
    module.only("cv1", "cv2", "cv3", "cv4", "cv5")
    sizes = {same_pool(module.child(name)) for name in ("cv2", "cv3", "cv4")}
    if len(sizes) != 1:
        raise WeightsRefused(f"{module}: its poolings differ")
    return SPPF(conv_block(module.child("cv1")), conv_block(module.child("cv5")), sizes.pop())


def _inverted(module: Module, builders: Builders) -> Block:
    """CIB: a row of convolutions, with a shortcut or without."""
    module.only("cv1")
    return _added(chain(module.child("cv1"), builders), module)


def _areas(module: Module, builders: Builders) -> Block:
    """A2C2f: what each block makes is joined; with `gamma`, a factor for each channel, it is added to the input."""
    module.only("cv1", "cv2", "m")
    inner = tuple(block_of(child, builders) for child in module.child("m").children.values())
    stages = Stages((conv_block(module.child("cv1")),), inner, conv_block(module.child("cv2")))
    channels = stages.out.conv.out_channels
    gamma = module.weights("gamma", channels)
    if gamma is None:
        return stages
    factors = scaled_channels(f"{module.path}.gamma", channels, 1, lambda: float64(gamma).reshape(-1, 1, 1))
    return Added(Chain((stages, Apart(factors))))


def _area_block(module: Module, builders: Builders) -> Chain:
    """ABlock: attention and two convolutions, each with a shortcut."""
    module.only("attn", "mlp")
    return Chain((Added(block_of(module.child("attn"), builders)), Added(chain(module.child("mlp"), builders))))


def _sppf(module: Module) -> Block:
    """Since 8.3 it tells how often it pools, and whether there is a shortcut."""
    module.only("cv1", "cv2", "m")
    times = 3 if module.attribute("n") is None else module.integer("n", 1, _MAX_POOLS)
    first, last = (conv_block(module.child(name)) for name in ("cv1", "cv2"))
    return _added(SPPF(first, last, same_pool(module.child("m")), times), module)


def _added(block: Block, module: Module) -> Block:
    return Added(block) if module.flag("add") else block


def _attention_block(module: Module, builders: Builders) -> Chain:
    """Attention and two convolutions, each with a shortcut: PSABlock."""
    module.only("attn", "ffn")
    blocks = (block_of(module.child("attn"), builders), chain(module.child("ffn"), builders))
    return Chain(tuple(_added(block, module) for block in blocks))


def _attention(module: Module) -> Attention:
    heads, depth, width = (module.integer(name, 1, _MAX_CHANNELS) for name in ("num_heads", "key_dim", "head_dim"))
    return _attention_of(module, heads, depth, width, module.number("scale"))


def _area_attention(module: Module) -> Attention:
    heads, depth = (module.integer(name, 1, _MAX_CHANNELS) for name in ("num_heads", "head_dim"))
    return _attention_of(module, heads, depth, depth, depth**-0.5, module.integer("area", 1, _MAX_CHANNELS))


def _attention_of(module: Module, heads: int, depth: int, width: int, scale: float, areas: int = 1) -> Attention:
    """Per head, the channels of query, key and value lie one behind the other."""
    module.only("qkv", "proj", "pe")
    together = linear_conv(module.child("qkv"))
    whole = 2 * depth + width
    if together.out_channels != heads * whole:
        raise WeightsRefused(f"{module}: {together.out_channels} channels are not {heads} heads of {whole}")

    def part(name: str, start: int, count: int, factor: float = 1.0) -> Conv2d:
        channels = [head * whole + start + i for head in range(heads) for i in range(count)]
        return conv_part(together, name, channels, factor)

    return Attention(
        query=part("query", 0, depth, scale),
        key=part("key", depth, depth),
        value=part("value", 2 * depth, width),
        position=linear_conv(module.child("pe")),
        out=linear_conv(module.child("proj")),
        heads=heads,
        areas=areas,
    )


BUILDERS: Builders = {
    **SHARED,
    "SPPF": plain(_sppf),
    # YOLOv8
    "C2": _first_half_through,
    "C2f": _stages,
    # YOLOv9
    "ELAN1": _aggregated,
    "RepNCSPELAN4": _aggregated,
    "RepCSP": SHARED["C3"],
    "RepBottleneck": plain(_reparameterized_bottleneck),
    "RepConv": plain(_reparameterized),
    "AConv": plain(_mean_and_conv),
    "ADown": plain(_mean_and_two),
    "SPPELAN": plain(_pooled),
    # YOLOv10
    "C2fCIB": _stages,
    "CIB": _inverted,
    "RepVGGDW": plain(_reparameterized),
    "SCDown": plain(_downsampled),
    "PSA": _one_attention,
    # YOLO11
    "C3k2": _stages,
    "C3k": SHARED["C3"],
    "C2PSA": _second_half_through,
    "PSABlock": _attention_block,
    "Attention": plain(_attention),
    # YOLO12
    "A2C2f": _areas,
    "ABlock": _area_block,
    "AAttn": plain(_area_attention),
}
