"""OpenCV's DNN module, of any version, as YOLOv5's `--dnn` uses it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
from batch import serve

cv2.setNumThreads(1)


def answer(file: Path, images: list[Any], outputs: list[str], way: str) -> Iterator[list[Any]]:
    net = cv2.dnn.readNetFromONNX(str(file))
    names = net.getUnconnectedOutLayersNames()
    for image in images:
        net.setInput(image)
        yield [y.copy() for y in net.forward(names)]


serve(cv2.__version__, answer)
