"""Whether a described network can be what it says: every name used once, layers that fit together, no more weights
than the file could hold. It is run on ghosts, which have shapes and no data.
"""

from __future__ import annotations

import math

from ..errors import WeightsRefused
from ..network.layers import Constant, layers_of
from ..network.network import Network
from ..network.ops import Shape, ShapeMismatch
from ..readings.lifetimes import Meter
from ..readings.weigher import Weigher
from ..refusal import reason
from ..weights.budget import LAYERS, OPERATIONS, WEIGHTS, Budget

# The image it is run on has so many strides a side: YOLOv5 itself tries a new network of stride 32 at 256 px.
TRIED_STRIDES = 8


def check_sound(network: Network, budget: Budget) -> None:
    """Raises `WeightsRefused` for a network that no reading could make sense of. `budget`: of its file."""
    names: set[str] = set()
    for layer in layers_of(network.body):
        budget.spend(LAYERS)
        if layer.name in names:
            raise WeightsRefused(f"two of its layers are called {layer.name}")
        names.add(layer.name)
        if not isinstance(layer, Constant):
            budget.spend(WEIGHTS, math.prod(layer.shape))
    meter = Meter()
    _check_outputs(network, _outputs(network, meter))
    budget.spend(OPERATIONS, meter.operations)


def _outputs(network: Network, meter: Meter) -> tuple[Shape, ...]:
    """The shapes of the outputs for a small image."""
    side = TRIED_STRIDES * network.stride
    weigher = Weigher(meter)
    try:
        return tuple(y.shape for y in weigher.run(network, weigher.new((1, network.channels, side, side), 4), 4))
    except ShapeMismatch as error:
        raise WeightsRefused(f"its layers do not fit together: {error}") from error
    except (ValueError, TypeError, IndexError, KeyError, ArithmeticError, AttributeError) as error:
        raise WeightsRefused(f"its layers do not fit together: {_behind(meter)}{reason(error)}") from error


def _behind(meter: Meter) -> str:
    return f"at {meter.layer} or behind it, " if meter.layer else ""


def _check_outputs(network: Network, shapes: tuple[Shape, ...]) -> None:
    """The outputs must have the axes that the network declares."""
    promised = [output.axes for output in network.outputs]
    fits = len(shapes) == len(promised) and all(
        len(shape) == len(axes) and all(d == a for d, a in zip(shape, axes, strict=True) if isinstance(a, int))
        for shape, axes in zip(shapes, promised, strict=True)
    )
    if not fits:
        raise WeightsRefused(f"its outputs are of the shapes {shapes}, {promised} were expected")
