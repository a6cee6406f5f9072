"""In the sandbox: an ONNX model of others is slimmed, and both files answer the same images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from onnx import checker

from ..errors import JobFailed
from ..images.synthetic import batch_for
from ..sandbox.child import Answer
from ..sandbox.wire import Array
from ..targets.loaded import told
from ..targets.onnx.loaded import LoadedOnnx
from ..targets.onnx.passes.slim import slim
from ..targets.target import Files, Target
from ..verify.compare import by_noise, distance
from ..verify.evidence import Evidence, Verdict
from ..verify.halved import running_as_it_is, shape_of
from .halve import model_of, opened, set_origin

_TASKS, _SEEDS = ("any", "text"), (0, 1)  # of the images: shapes and letters, two of each


def slim_and_verify(target: Target, files: Files, said: Mapping[str, Any]) -> Answer:
    """The slimmed file, and how its answers are beside those of the file. `said`: `size`, `outputs` and `origin`.

    Raises what `slim` and `shape_of` raise, `ArtifactRefused` for what is no model or does not load, `BadRequest` for
    a size that it does not take, `JobFailed` if ONNX Runtime does not take the slimmed file.
    """
    model, old = model_of(target, files), opened(files)
    shape = shape_of(old, tuple(said["size"]))
    slimmed = slim(model, said["outputs"])
    set_origin(slimmed, model, said["origin"])
    data = slimmed.SerializeToString()
    names = [port.name for port in old.contract.outputs]
    kept = [names.index(port.name) for port in slimmed.graph.output]
    images = [batch_for(task, *shape.dims[1:], seed, shape.batch) for task in _TASKS for seed in _SEEDS]
    with running_as_it_is(shape):
        answers = [old.run(image) for image in images]
    try:
        checker.check_model(data, full_check=True)
        new = LoadedOnnx(data)
        now = [new.run(image) for image in images]
    except Exception as error:  # the checker and the runtime have exceptions of their own
        raise JobFailed(f"the slimmed file is refused: {told(error)}", "the file was not published") from error
    before = [[answer[i] for i in kept] for answer in answers]
    header = {
        "nodes": [len(model.graph.node), len(slimmed.graph.node)],
        "check": _compared([names[i] for i in kept], before, now).to_dict(),
    }
    return header, (np.frombuffer(data, np.uint8),)


def _compared(names: Sequence[str], before: Sequence[Sequence[Array]], now: Sequence[Sequence[Array]]) -> Evidence:
    """Whether the answers are the same: bit for bit, or as near as another order of sums leaves them."""
    pairs = [(name, x, y) for xs, ys in zip(before, now, strict=True) for name, x, y in zip(names, xs, ys, strict=True)]
    if all(x.dtype == y.dtype and np.array_equal(x, y, equal_nan=x.dtype.kind == "f") for _, x, y in pairs):
        return Evidence("answers", Verdict.PASS, f"the same to the last bit on {len(now)} test images")
    for name, x, y in pairs:
        moved = distance(y, x).nrmse if x.shape == y.shape else np.inf
        if by_noise(moved, 0.0) is not Verdict.PASS:
            return Evidence("answers", Verdict.FAIL, f"{name} is another than before")
    return Evidence("answers", Verdict.PASS, f"the same on {len(now)} test images, but for the rounding of sums")
