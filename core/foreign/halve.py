"""In the sandbox: an ONNX model of others is halved, and both files answer the same images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from onnx import ModelProto, helper

from ..errors import ArtifactRefused
from ..sandbox.child import Answer
from ..targets.loaded import told
from ..targets.onnx.loaded import LoadedOnnx
from ..targets.onnx.passes.halve import halve
from ..verify.halved import shape_of, verify_halved


def halve_and_verify(model: ModelProto, data: bytes, said: Mapping[str, Any]) -> Answer:
    """The FP16 file, and the checks on it. `data`: the model, serialized; `said`: `size`, `half_io` and `origin`.

    Raises what `halve` and `shape_of` raise, and `ArtifactRefused` for a model that does not load.
    """
    try:
        loaded = LoadedOnnx(data)
    except Exception as error:  # ONNX Runtime has exceptions of its own
        raise ArtifactRefused(f"ONNX Runtime does not take it: {told(error)}") from error
    height, width = said["size"]
    shape = shape_of(loaded, (height, width))
    halved = halve(model, half_io=bool(said["half_io"]))
    helper.set_model_props(halved.model, {prop.key: prop.value for prop in model.metadata_props} | said["origin"])
    half = halved.model.SerializeToString()
    report = verify_halved(loaded, halved, half, shape)
    checks = [(check.name, check.verdict, check.message) for check in report.checks]
    header = {"halved": halved.nodes, "kept": halved.kept, "checks": checks, "seconds": report.seconds}
    return header, (np.frombuffer(half, np.uint8),)
