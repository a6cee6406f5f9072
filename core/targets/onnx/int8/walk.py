"""The way back from 8 bits to float: which layer goes next, and what each step costs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from .forms import Form
from .layers import Layer, beginning
from .sensitivity import Sensitivity


@dataclass(frozen=True)
class Step:
    """A layer takes another form.

    `nbytes`: what the file grows by. `products`: the share of all multiplications that is no longer done in 8 bits.
    `brought`: how much less the answers move.
    """

    layer: str
    form: Form
    nbytes: int
    products: float
    brought: float


def walk(layers: Sequence[Layer], sensitivities: Mapping[str, Sensitivity], sizes: Mapping[str, int]) -> Iterator[Step]:
    """All steps from the beginning to float, those first that bring most for what they cost.

    A step costs bytes, as a share of what all weights could grow by, and 8-bit arithmetic, as a share of all
    multiplications. Which of them matters more depends on the machine where a file runs: both count the same. `sizes`:
    how many elements each layer's output has.
    """
    weights = sum(layer.weights for layer in layers)
    work = sum(sizes[layer.y] * layer.products for layer in layers if layer.served) or 1
    forms = dict(beginning(layers))
    named = {layer.name: layer for layer in layers}
    left = set(named)
    while left:
        steps = [
            step for name in sorted(left) for step in _steps(named[name], forms[name], sensitivities[name], sizes, work)
        ]
        step = max(steps, key=lambda step: (step.brought / (step.nbytes / weights + step.products), step.brought))
        forms[step.layer] = step.form
        if step.form is Form.FP16_WEIGHTS:
            left.remove(step.layer)
        yield step


def _steps(layer: Layer, form: Form, moves: Sensitivity, sizes: Mapping[str, int], work: int) -> Iterator[Step]:
    grows = layer.weights * (Form.FP16_WEIGHTS.weight_nbytes - form.weight_nbytes)
    if form is Form.INT8:
        share = sizes[layer.y] * layer.products / work
        yield Step(layer.name, Form.INT8_WEIGHTS, 0, share, max(moves.whole - moves.weights, 0.0))
        yield Step(layer.name, Form.FP16_WEIGHTS, grows, share, moves.whole)
    else:
        yield Step(layer.name, Form.FP16_WEIGHTS, grows, 0.0, moves.weights)


def forms_after(layers: Sequence[Layer], steps: Sequence[Step]) -> Mapping[str, Form]:
    """Every layer's form after these steps."""
    return {**beginning(layers), **{step.layer: step.form for step in steps}}
