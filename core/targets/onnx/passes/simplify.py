"""onnxsim on request, in a process of its own; its result is kept only if it is sound, the same, and no larger."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import numpy as np
import onnx
import onnxruntime
from google.protobuf.message import DecodeError
from numpy.typing import NDArray

from ....scratch import scratch
from ...target import PassResult

_LIMIT_SECONDS = 600.0
# A simplifier changes which node computes what, not a number: outputs may differ by the order of sums alone.
_SAME = 1e-5


def simplify(path: Path, image: NDArray[Any]) -> PassResult:
    """Simplify a model; `image` is what both are tried on. If anything is amiss, the model stays."""
    data = path.read_bytes()
    model = onnx.load_from_string(data)
    before = len(model.graph.node)
    try:
        simpler = onnx.load_from_string(_run_onnxsim(data))
    except (OSError, subprocess.SubprocessError, DecodeError) as error:
        return PassResult(None, f"onnxsim failed ({type(error).__name__}); kept as written")
    if list(simpler.opset_import) != list(model.opset_import):
        return PassResult(None, "onnxsim changed the opset; kept as written")
    # The nodes and initializers alone: a simplifier adds shapes of inner values and metadata of its own.
    for name in ("node", "initializer"):
        model.graph.ClearField(name)
        getattr(model.graph, name).extend(getattr(simpler.graph, name))
    candidate = model.SerializeToString()
    if candidate == data:
        return PassResult(None, f"onnxsim found nothing to simplify in {before} nodes")
    if len(candidate) > len(data):
        return PassResult(None, f"onnxsim made it larger by {len(candidate) - len(data):,} B; kept as written")
    try:
        distance = _distance(_answer(candidate, image), _answer(data, image))
    except Exception as error:  # whatever ONNX Runtime raises for a model that it cannot take
        return PassResult(None, f"onnxsim's result does not run ({type(error).__name__}); kept as written")
    if not distance <= _SAME:
        return PassResult(None, f"onnxsim's result answers otherwise (by {distance:.1e}); kept as written")
    return PassResult((candidate,), f"{before} → {len(model.graph.node)} nodes")


def _run_onnxsim(data: bytes) -> bytes:
    """onnxsim's result. Apart from this process: it is a large native library, and it would import torch."""
    with scratch() as folder:
        before, after = folder / "before.onnx", folder / "after.onnx"
        before.write_bytes(data)
        module = f"{__package__}.onnxsim_process"
        command = [sys.executable, "-P", "-m", module, str(before), str(after)]
        env = {**os.environ, "TMPDIR": str(folder)}  # where onnxsim has ONNX Runtime write what it made of the model
        subprocess.run(command, env=env, check=True, timeout=_LIMIT_SECONDS, capture_output=True)
        return after.read_bytes()


def _answer(data: bytes, image: NDArray[Any]) -> list[NDArray[Any]]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    port = session.get_inputs()[0]
    feed = {port.name: image.astype(np.float16 if "float16" in port.type else np.float32)}
    return cast(list[NDArray[Any]], session.run(None, feed))


def _distance(actual: list[NDArray[Any]], expected: list[NDArray[Any]]) -> float:
    """The largest difference of any output, relative to its largest value; infinite for other shapes."""
    if [y.shape for y in actual] != [y.shape for y in expected]:
        return float("inf")
    pairs = ((got.astype(np.float64), wanted.astype(np.float64)) for got, wanted in zip(actual, expected, strict=True))
    return max(float(np.abs(got - wanted).max() / max(np.abs(wanted).max(), 1e-30)) for got, wanted in pairs)
