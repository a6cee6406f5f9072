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
from .quantise import quantise
from .scheme import scheme_for

_LEAST_OPSET = 13  # the first in which DequantizeLinear has a step for each channel


def write_quantised(
    network: Network, build: Build, provenance: Provenance, file: IO[bytes], examples: Examples
) -> Trade:
    """Write the file; the trade that was made for it. Raises what `quantise` raises, `BadRequest` for options that do
    not go together, and `JobFailed` where the report cannot be written.
    """
    opset, promised = build.values[OPSET], build.contract(network)
    label = build.precision.label
    if opset < _LEAST_OPSET:
        raise BadRequest(f"{label} needs opset {_LEAST_OPSET} or later", f"give {OPSET.flag} {OPSET.default}")
    if promised.nms is not None:
        raise BadRequest(
            f"{label} files give all boxes: they neither suppress nor rank them",
            "leave out --nms and --head, or export it apart",
        )
    data = onnx_bytes(network, promised, build.precision, opset, build.shape, provenance)
    scheme = scheme_for(build.values[QUANTISED_FOR], cpu_flags())
    made = quantise(onnx.load_from_string(data), examples.images, examples.budget, scheme, examples.tell)
    file.write(made.model.SerializeToString())
    if report := build.values[REPORT]:
        try:
            Path(report).write_text(made.trade.to_csv(), encoding="utf-8")
        except OSError as error:
            raise JobFailed(
                f"{report} cannot be written: {error.strerror}", f"give {REPORT.flag} another place"
            ) from error
    return made.trade
