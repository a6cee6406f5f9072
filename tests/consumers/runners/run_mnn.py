"""MNN. The converter's own command sends statistics and installs what that needs; the function behind it does not."""

import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import _tools  # the converter, as the wheel calls it
import MNN.expr
import MNN.nn
import numpy as np
from batch import serve

WINOGRAD_MEMORY_LEVEL = 3  # the hint; the default level is faster, and coarser than FP32 needs to be


def answer(file: Path, images: list[Any], outputs: list[str], way: str) -> list[Any]:
    with tempfile.TemporaryDirectory() as name:
        model = str(Path(name, "model.mnn"))
        _tools.mnnconvert(["", "-f", "ONNX", "--modelFile", str(file), "--MNNModel", model, "--bizCode", "test"])
        runtime = MNN.nn.create_runtime_manager(({"backend": "CPU", "numThread": 1, "precision": "high"},))
        runtime.set_hint(WINOGRAD_MEMORY_LEVEL, 0)
        net = MNN.nn.load_module_from_file(model, ["images"], outputs, runtime_manager=runtime)
        answers: list[Any] = []
        for image in images:
            x = MNN.expr.placeholder(list(image.shape), MNN.expr.NCHW, MNN.expr.float)
            x.write(image)
            answers.append([np.array(MNN.expr.convert(y, MNN.expr.NCHW).read()) for y in net.forward([x])])
        return answers


serve(version("MNN"), answer)
