"""A network written as an INT8 ONNX file: in float32 first, in memory, and quantised from there."""

from __future__ import annotations

from pathlib import Path
from typing import IO

import onnx

from ....errors import BadRequest, JobFailed
from ....network.network import Network
from ...budget import Examples
from ...provenance import Provenance
from ...target import Build
from ...trade import Trade
from ..file import onnx_bytes
from ..options import OPSET, QUANTISED_FOR, REPORT
from .instructions import cpu_flags
from .plain import LEAST_OPSET
from .quantise import Quantised, quantise
from .scheme import scheme_for


def write_quantised(
    network: Network, build: Build, provenance: Provenance, file: IO[bytes], examples: Examples
) -> Trade:
    """Write the file; the trade that was made for it. Raises what `quantised` and `report` raise."""
    made = quantised(network, build, provenance, examples, build.values[OPSET])
    file.write(made.model.SerializeToString())
    report(build, made.trade)
    return made.trade


def quantised(network: Network, build: Build, provenance: Provenance, examples: Examples, opset: int) -> Quantised:
    """The network in 8 bits. Raises what `quantise` raises, and `BadRequest` for options that do not go together."""
    promised, label = build.contract(network), build.precision.label
    if opset < LEAST_OPSET:
        raise BadRequest(f"{label} needs opset {LEAST_OPSET} or later", f"give {OPSET.flag} {OPSET.default}")
    if promised.nms is not None:
        raise BadRequest(
            f"{label} files give all boxes: they neither suppress nor rank them",
            "leave out --nms and --head, or export it apart",
        )
    data = onnx_bytes(network, promised, build.precision, opset, build.shape, provenance)
    scheme = scheme_for(build.values[QUANTISED_FOR], cpu_flags())
    return quantise(onnx.load_from_string(data), examples.images, examples.budget, scheme, examples.tell)


def report(build: Build, trade: Trade) -> None:
    """Write what the trade did to each layer, if that was asked for. Raises `JobFailed` where it cannot be written."""
    if path := build.values[REPORT]:
        try:
            Path(path).write_text(trade.to_csv(), encoding="utf-8")
        except OSError as error:
            raise JobFailed(
                f"{path} cannot be written: {error.strerror}", f"give {REPORT.flag} another place"
            ) from error
