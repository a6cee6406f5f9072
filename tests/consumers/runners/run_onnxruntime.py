"""ONNX Runtime, of any version."""

from pathlib import Path
from typing import Any

import onnxruntime
from batch import serve

onnxruntime.set_default_logger_severity(4)


def answer(file: Path, images: list[Any], outputs: list[str], way: str) -> list[Any]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    return [session.run(outputs, {"images": image}) for image in images]


serve(onnxruntime.__version__, answer)
