"""In the sandbox: an ONNX model of others is halved, and both files answer the same images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
from onnx import ModelProto, helper

from ..errors import ArtifactRefused
from ..sandbox.child import Answer
from ..targets.loaded import told
from ..targets.onnx.loaded import LoadedOnnx
from ..targets.onnx.passes.halve import halve
from ..targets.onnx.target import Onnx
from ..targets.onnx.untrusted.needs import needs
from ..targets.target import Files, Target
from ..verify.halved import shape_of, verify_halved


def needs_of(target: Target, files: Files, said: Mapping[str, Any]) -> Answer:
    """What a model needs at its own size, or at `size` (height, width). Raises `ArtifactRefused` if it is none."""
    return asdict(needs(model_of(target, files), tuple(said["size"]))), ()


def halve_and_verify(target: Target, files: Files, said: Mapping[str, Any]) -> Answer:
    """The FP16 file, and the checks on it. `said`: `size`, `half_io` and `origin`.

    Raises what `halve` and `shape_of` raise, and `ArtifactRefused` for what is no model or does not load.
    """
    model, loaded = model_of(target, files), opened(files)
    shape = shape_of(loaded, tuple(said["size"]))
    halved = halve(model, half_io=bool(said["half_io"]))
    set_origin(halved.model, model, said["origin"])
    half = halved.model.SerializeToString()
    report = verify_halved(loaded, halved, half, shape)
    checks = [check.to_dict() for check in report.checks]
    header = {"halved": halved.nodes, "kept": halved.kept, "checks": checks, "seconds": report.seconds}
    return header, (np.frombuffer(half, np.uint8),)


def model_of(target: Target, files: Files) -> ModelProto:
    """The model of an artifact. Raises `ArtifactRefused` if it is of another format."""
    if not isinstance(target, Onnx):
        raise ArtifactRefused(f"its format is {target.label}, and only ONNX files are changed", "name an .onnx file")
    return ModelProto.FromString(files[0])


def opened(files: Files) -> LoadedOnnx:
    """The model as it is, in its runtime. Raises `ArtifactRefused` if that does not take it."""
    try:
        return LoadedOnnx(files[0])
    except Exception as error:  # ONNX Runtime has exceptions of its own
        raise ArtifactRefused(f"ONNX Runtime does not take it: {told(error)}") from error


def set_origin(changed: ModelProto, model: ModelProto, origin: Mapping[str, str]) -> None:
    """Give a changed model the properties of the one that it was made of, and what it was made of."""
    helper.set_model_props(changed, {prop.key: prop.value for prop in model.metadata_props} | dict(origin))
