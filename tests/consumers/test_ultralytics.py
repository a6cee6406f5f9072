"""The ultralytics package finds the same things with our files as with its own exports.

It is no part of the test environment: `HALFPINT_ULTRALYTICS` names a Python that has it; without, this is skipped.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from halfpint.core.images.synthetic import structured_image
from halfpint.core.options import VerifyMode
from halfpint.core.spec import ExportSpec
from support.jobs import done, end_of

PYTHON = os.environ.get("HALFPINT_ULTRALYTICS", "")
pytestmark = pytest.mark.skipif(not PYTHON, reason="HALFPINT_ULTRALYTICS names no Python with the package")

FIXTURES = Path(__file__).parents[1] / "fixtures" / "ultralytics"
# By task: a checkpoint, and the height and width that it is exported at.
CASES: Mapping[str, tuple[str, tuple[int, int]]] = {
    "detect": ("yolo11n-training", (128, 160)),
    "segment": ("yolo11n-seg", (96, 128)),
    "segment of YOLO26": ("yolo26n-seg", (96, 160)),
    "pose": ("yolov8n-pose", (96, 128)),
    "obb": ("yolo11n-obb", (128, 160)),
    "classify": ("yolov8n-cls", (224, 224)),
}
RUNNER = Path(__file__).parent / "runners" / "run_ultralytics.py"
PX, SHARE = 0.5, 2e-3  # how far FP32 exports of the same network may be apart: px and radians, and confidences


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Any]:
    """By task: what the package finds in each picture with its own file, and with ours."""
    folder = tmp_path_factory.mktemp("ultralytics")
    for seed in range(3):
        levels = np.rint(structured_image(3, 130, 170, seed)[0].transpose(1, 2, 0) * 255).astype(np.uint8)
        Image.fromarray(levels).save(folder / f"{seed}.png")
    asked: list[object] = []
    for name, size in CASES.values():
        weights = shutil.copy(FIXTURES / f"{name}.pt", folder / f"{name}.pt")
        spec = ExportSpec.of(Path(weights), folder / "ours", *size, verify=VerifyMode.QUICK)
        assert end_of(done(spec)).exit_code == 0
        asked += [weights, spec.path(spec.kinds[0]), "x".join(map(str, size))]
    alone = {"YOLO_CONFIG_DIR": str(folder), "YOLO_OFFLINE": "true", "YOLO_AUTOINSTALL": "false"}
    run = subprocess.run(
        [PYTHON, RUNNER, folder, *map(str, asked)],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={**os.environ, **alone},
    )
    assert run.returncode == 0, run.stderr[-2000:]
    return dict(zip(CASES, json.loads(run.stdout.splitlines()[-1]), strict=True))


@pytest.mark.parametrize("task", CASES)
def test_it_finds_the_same_with_our_file(answers: Mapping[str, Any], task: str) -> None:
    theirs, ours = answers[task]
    found = 0
    for expected, actual in zip(theirs, ours, strict=True):
        assert expected.keys() == actual.keys()
        if "probs" in expected:
            np.testing.assert_allclose(actual["probs"]["data"], expected["probs"]["data"], rtol=0, atol=SHARE)
            found += 1
            continue
        part, place = ("obb", "xywhr") if "obb" in expected else ("boxes", "xyxy")
        found += len(expected[part]["conf"])
        assert same(expected, actual, part, place)
    assert found


def same(expected: Mapping[str, Any], actual: Mapping[str, Any], part: str, place: str) -> bool:
    """Whether two results tell the same things; those of equal confidence in either order."""
    rows, others = (table(each, part, place) for each in (expected, actual))
    assert rows.shape == others.shape
    limits = np.array([*[PX] * (rows.shape[1] - 2), SHARE, 0])
    return all(bool((np.abs(others - row) <= limits).all(1).any()) for row in rows)


def table(said: Mapping[str, Any], part: str, place: str) -> Any:
    """A row for each thing: where it is, its points and the size of its mask, confidence, class."""
    boxes = said[part]
    count = len(boxes["conf"])
    columns: list[Any] = [np.reshape(boxes[place], (count, -1))]
    if "keypoints" in said:
        columns.append(np.reshape(said["keypoints"]["data"], (count, -1)))
    if "masks" in said:
        # Pixels, of which float32 may decide one in a hundred along the edges.
        columns.append(np.reshape(np.divide(said["masks"], 100), (count, -1)))
    columns += [np.reshape(boxes[name], (count, 1)) for name in ("conf", "cls")]
    return np.concatenate(columns, axis=1)
