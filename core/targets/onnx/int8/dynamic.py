"""Float32 ONNX model → INT8 without images: weights in 8 bits, and matrix products whose ranges are found as they run.

A convolution has no such form that is quick anywhere: it computes in float, with weights that are stored in 8 bits.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from numpy.typing import NDArray
from onnx import ModelProto

from ....errors import BadRequest, JobFailed
from ....units import figure
from ...budget import Budget
from ...trade import Kept, Trade, Try, lost
from ..loaded import LoadedOnnx
from .forms import Form
from .layers import Layer, layers_of
from .qdq import Quantiser
from .quantise import Quantised, timed
from .scheme import Scheme

Array = NDArray[Any]

_PRODUCTS = frozenset(("MatMul", "Gemm"))
_REASON = "ranges are found anew in each run; convolutions compute in float, with weights of 8 bits"


def quantise_dynamically(model: ModelProto, image: Array, budget: Budget, scheme: Scheme) -> Quantised:
    """The model with all its layers in the form that needs no images. `image`: to time it on.

    `model` is not changed. Raises `BadRequest` for a model that has nothing to quantise, `JobFailed` if the budget is
    not kept.
    """
    layers = layers_of(model)
    if not layers:
        raise BadRequest("the model has no convolution or matrix product in float32: there is nothing to quantise")
    made = Quantiser(model, layers, scheme).model({layer.name: _form(layer) for layer in layers}, {})
    loaded = LoadedOnnx(made.SerializeToString())
    try:
        loss = budget.loss(loaded)
    finally:
        loaded.close()
    if loss.points > budget.points:
        raise JobFailed(
            f"the file {lost(loss.points)}, and {figure(budget.points)} are allowed",
            "give --data images of yours in place of --int8-dynamic, or allow more with --max-loss",
        )
    nbytes, full = made.ByteSize(), model.ByteSize()
    kept = tuple(
        Kept(layer.name, _form(layer), _form(layer) is Form.DYNAMIC, layer.weights, 0, 0.0, 0.0) for layer in layers
    )
    trade = Trade(nbytes, full, loss, budget.points, 0, 0, kept, (Try(0, nbytes, loss),), _REASON)
    if scheme.here:
        before, now = timed(model, made, image)
        trade = replace(trade, latency=now, full_latency=before)
    return Quantised(made, trade)


def _form(layer: Layer) -> Form:
    return Form.DYNAMIC if layer.kind in _PRODUCTS else Form.INT8_WEIGHTS
