"""From a checkpoint's modules to the blocks of YOLOv8 and later, one builder a class."""

from __future__ import annotations

from ...errors import WeightsRefused
from ...network.layers import Conv2d
from ..blocks.blocks import SPPF, Block, Chain, ConvBlock
from ..blocks.build import BUILDERS as SHARED
from ..blocks.build import Builders, block_of, chain, conv_block, plain, same_pool
from ..folded import conv_part
from ..modules import Module
from .blocks import Added, Attention, HalfThrough, Stages

_MAX_POOLS = 64


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
    return Stages(*halves(module.child("cv1")), inner, conv_block(module.child("cv2")))


def _half_through(module: Module, builders: Builders) -> HalfThrough:
    module.only("cv1", "cv2", "m")
    inner = chain(module.child("m"), builders)
    return HalfThrough(*halves(module.child("cv1")), inner, conv_block(module.child("cv2")))


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
    """Per head, the channels of query, key and value lie one behind the other."""
    module.only("qkv", "proj", "pe")
    heads, depth, width = (module.integer(name, 1, 1 << 16) for name in ("num_heads", "key_dim", "head_dim"))
    scale = module.number("scale")
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
    )


BUILDERS: Builders = {
    **SHARED,
    "C2f": _stages,
    "C3k2": _stages,
    "C3k": SHARED["C3"],
    "C2PSA": _half_through,
    "PSABlock": _attention_block,
    "SPPF": plain(_sppf),
    "Attention": plain(_attention),
}
