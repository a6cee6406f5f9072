"""How the layers of a checkpoint's model are connected: what each reads, as the model's own numbers tell."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ...errors import WeightsRefused
from ...network.layers import Conv2d, layers_of
from ...network.network import Network
from ...network.ops import ShapeMismatch
from ...readings.size_constants import GridConstant, size_constants
from ...refusal import refusing
from ...weights.budget import CONNECTIONS, NAMES
from ...weights.tensors import Tensor
from ..modules import Module
from ..sound import TRIED_STRIDES
from .build import Builders, block_of, join_of
from .graph import Head, Merge, Step, YoloBody, wire

_MAX_LEVELS = 16
MAX_CLASSES = 100_000


def body_of(
    modules: Sequence[Module], builders: Builders, head_of: Callable[[Module], Head], inputs: Callable[[Head], int]
) -> YoloBody:
    """The network of a model's modules, the last of which is its head.

    `inputs`: how many feature maps a head reads. Raises `WeightsRefused` that names the layer it cannot be built from.
    """
    *before, last = modules
    layers: list[Step | Merge] = []
    for index, module in enumerate(before):
        with refusing(f"layer {index}", module):
            layers.append(layer_of(index, module, builders))
    with refusing(f"layer {len(before)}", last):
        head = head_of(last)
        sources, wanted = sources_of(len(before), last), inputs(head)
        if len(sources) != wanted:
            raise WeightsRefused(f"{last} reads {len(sources)} layers, it has {wanted} inputs")
        return wire(layers, head, sources)


def layer_of(index: int, module: Module, builders: Builders) -> Step | Merge:
    """The layer that a module describes. Raises `WeightsRefused` for a block or a wiring not known."""
    sources = sources_of(index, module)
    if isinstance(module.attribute("f"), list):
        return Merge(join_of(module, len(sources)), sources)
    return Step(block_of(module, builders), sources[0])


def sources_of(index: int, module: Module) -> tuple[int, ...]:
    """Where a layer reads from, as `wire` counts: the image is 0, layer i is i + 1."""
    match module.attribute("f"):
        case int(one) if type(one) is int:
            given = [one]
        case list(several) if several:
            module.budget.spend(CONNECTIONS, len(several))  # many layers may share one long list
            given = [source for source in several if type(source) is int]
            if len(given) < len(several):
                raise WeightsRefused(f"{module} reads layers (f) by something else than numbers")
        case _:
            raise WeightsRefused(f"{module} does not say which layers it reads (f)")
    # Negative: counted back from this layer, as in the yamls.
    sources = tuple(source + 1 if source >= 0 else index + 1 + source for source in given)
    if not all(0 <= source <= index for source in sources):
        raise WeightsRefused(f"{module} reads a layer that does not come before it")
    return sources


def input_channels(body: YoloBody) -> int:
    """The channels of the image: what the first convolution takes. Raises `WeightsRefused` if there is none."""
    for layer in layers_of(body):
        if isinstance(layer, Conv2d):
            return layer.in_channels
    raise WeightsRefused("the model has no convolution")


def head_module(model: Module) -> Module:
    """The last module of the model. Raises `WeightsRefused` if there is none."""
    modules = list(model.child("model").children.values())
    if not modules:
        raise WeightsRefused(f"{model} has no layers")
    return modules[-1]


def level_strides(module: Module) -> tuple[float, ...]:
    """The stride of each level in px, from the checkpoint. Raises `WeightsRefused` if there are none."""
    stride = module.attribute("stride")
    if not isinstance(stride, Tensor) or not 1 <= stride.numel <= _MAX_LEVELS:
        raise WeightsRefused(f"{module} has no strides: the model was never built to run")
    with refusing(f"{module}: stride"):
        strides = tuple(stride.values())
    if not all(1 <= s <= 1024 and s == int(s) for s in strides):
        raise WeightsRefused(f"{module}: the strides {strides} are not whole numbers of pixels")
    return strides


def names_of(model: Module, count: int) -> Mapping[int, str]:
    """The classes by index, so many; one without a name is called `class7`. Raises `WeightsRefused` for no names."""
    match model.attribute("names"):
        case None:
            given: Mapping[object, object] = {}
        case dict() as given:
            pass
        case list() | tuple() as names:
            given = dict(enumerate(names[:count]))
        case _:
            raise WeightsRefused(f"{model}: names are neither a list nor a dict")
    found = {i: name if isinstance(name := given.get(i), str) else f"class{i}" for i in range(count)}
    model.budget.spend(NAMES, sum(map(len, found.values())))
    return found


def check_strides(network: Network, head: Module, levels: Sequence[tuple[str, float]]) -> None:
    """Raises `WeightsRefused` if the head's strides, which boxes are scaled by, are not those of its feature maps.

    `levels`: by level what to call it, and its stride in px. The head asks for the cells of each once, in this order.
    """
    side = TRIED_STRIDES * network.stride
    try:
        constants = size_constants(network, (1, network.channels, side, side))
    except ShapeMismatch:  # told where the whole network is looked at
        return
    grids = [constant for constant in constants if isinstance(constant, GridConstant)]
    for (name, stride), grid in zip(levels, grids, strict=True):
        if grid.rows * stride != side or grid.columns * stride != side:
            raise WeightsRefused(
                f"{head} says that {name} has a stride of {stride:g} px; "
                f"an image of {side}×{side} px comes to it as {grid.rows}×{grid.columns} cells"
            )
