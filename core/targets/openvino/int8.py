"""A network as an OpenVINO IR in 8 bits: of the same ONNX file, judged and timed as OpenVINO runs it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO
from typing import IO

from ...network.network import Network
from ..budget import Budget, Examples, Loss
from ..latency import latencies
from ..loaded import Runner
from ..onnx.int8.write import quantised, report
from ..onnx.loaded import LoadedOnnx
from ..onnx.options import OPSET
from ..provenance import Provenance
from ..target import Build, Files
from ..trade import Trade
from .file import write_ir, write_openvino
from .loaded import LoadedOpenVino


def write_quantised(
    network: Network, build: Build, provenance: Provenance, files: Sequence[IO[bytes]], examples: Examples
) -> Trade:
    """Write the `.xml` and the `.bin`; the trade that was made for them. Raises what `quantised` and `report` raise."""
    in_openvino = replace(examples, budget=replace(examples.budget, loss=lambda tried: _loss(tried, examples.budget)))
    made = quantised(network, build, provenance, in_openvino, OPSET.default)
    ir = _ir(made.model.SerializeToString())
    for data, file in zip(ir, files, strict=True):
        file.write(data)
    full = _full(network, build, provenance)
    trade = replace(made.trade, nbytes=sum(map(len, ir)), full_nbytes=sum(map(len, full)))
    if trade.latency is not None:
        runners = [LoadedOpenVino(each) for each in (full, ir)]
        before, now = latencies(runners, next(examples.images()))
        trade = replace(trade, latency=now, full_latency=before)
    report(build, trade)
    return trade


def _loss(tried: Runner, budget: Budget) -> Loss:
    """What a file that was tried in ONNX loses in OpenVINO."""
    assert isinstance(tried, LoadedOnnx)  # what is quantised is an ONNX file
    loaded = LoadedOpenVino(_ir(tried.model.SerializeToString()))
    try:
        return budget.loss(loaded)
    finally:
        loaded.close()


def _ir(data: bytes) -> Files:
    files = BytesIO(), BytesIO()
    write_ir(data, files)
    return tuple(file.getvalue() for file in files)


def _full(network: Network, build: Build, provenance: Provenance) -> Files:
    """The same network in float32: what an INT8 file is written from."""
    files = BytesIO(), BytesIO()
    write_openvino(network, build, provenance, *files)
    return tuple(file.getvalue() for file in files)
