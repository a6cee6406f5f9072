"""LibTorch, in the ways that a TorchScript file is loaded; `.float()` and `.half()` are what YOLOv5's loader calls."""

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from batch import serve

torch.set_num_threads(1)
warnings.simplefilter("ignore")  # TorchScript is deprecated

WAYS: dict[str, Callable[[Any], Any]] = {
    "load": lambda module: module,
    ".float()": lambda module: module.float(),
    ".half()": lambda module: module.half(),
    "freeze": lambda module: torch.jit.freeze(module.eval()),
    "optimize_for_inference": lambda module: torch.jit.optimize_for_inference(module.eval()),
}


def answer(file: Path, images: list[Any], outputs: list[str], way: str) -> Iterator[list[Any]]:
    module = WAYS[way](torch.jit.load(file, map_location="cpu"))
    with torch.no_grad():
        for image in map(torch.from_numpy, images):
            image = image.half() if way == ".half()" else image
            module(image)  # the first run of a size profiles, the second one is optimized
            answers = module(image)
            yield [y.float().numpy() for y in (answers if isinstance(answers, (tuple, list)) else (answers,))]


serve(torch.__version__.split("+")[0], answer)
