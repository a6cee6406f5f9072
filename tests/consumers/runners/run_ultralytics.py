"""Asks the ultralytics package what it finds with its own export of some weights, and with ours: JSON on stdout.

Arguments: a folder, and for each case the weights, our file, and a size; pictures are the folder's .png files. It needs
the package and nothing of halfpint.
"""

import contextlib
import json
import sys
from pathlib import Path

from ultralytics import YOLO


def told(result):
    """Everything that a result tells of a picture, as lists."""
    found = {}
    for part, values in (
        ("boxes", ("xyxy", "conf", "cls")),
        ("obb", ("xywhr", "conf", "cls")),
        ("keypoints", ("data",)),
        ("probs", ("data",)),
    ):
        if getattr(result, part) is not None:
            found[part] = {value: getattr(getattr(result, part), value).tolist() for value in values}
    if result.masks is not None:
        found["masks"] = [int(mask.sum()) for mask in result.masks.data]
    return found


def main():
    folder, *cases = sys.argv[1:]
    pictures = sorted(map(str, Path(folder).glob("*.png")))
    answers = []
    with contextlib.redirect_stdout(sys.stderr):
        for weights, ours, size in zip(cases[::3], cases[1::3], cases[2::3], strict=True):
            imgsz = [int(side) for side in size.split("x")]
            theirs = YOLO(weights).export(format="onnx", imgsz=imgsz, opset=17, simplify=False)
            both = [YOLO(file).predict(pictures, imgsz=imgsz, save=False, verbose=False) for file in (theirs, ours)]
            answers.append([[told(result) for result in results] for results in both])
    print(json.dumps(answers))


main()
