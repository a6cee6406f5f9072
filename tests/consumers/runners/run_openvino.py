"""OpenVINO's CPU plugin. Its default is bf16 where the CPU has it, so FP32 is asked for."""

from pathlib import Path
from typing import Any

import openvino
from batch import serve

SETTINGS = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
core = openvino.Core()


def answer(file: Path, images: list[Any], outputs: list[str], way: str) -> list[Any]:
    model = core.compile_model(core.read_model(file), "CPU", SETTINGS)
    return [[model(image)[name].copy() for name in outputs] for image in images]


serve(openvino.__version__.split("-")[0], answer)
