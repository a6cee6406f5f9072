"""A job with images of the user: what it tells of them, and what keeps it from beginning."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from halfpint.core.events import ArtifactPublished, Note, StageFinished
from halfpint.core.precisions import FP32
from support.command import halfpint
from support.jobs import done, end_of, manifest_of, of, small
from support.shapes import SHAPES, picture_folder


def test_every_file_is_proved_and_the_manifest_tells_it(trained: Path, tmp_path: Path) -> None:
    images = picture_folder(tmp_path, 6, labels=True)
    (images / "zz.jpg").write_text("no picture")
    spec = small(trained, tmp_path, height=320, width=320, data=str(images))
    events = done(spec)
    assert end_of(events).exit_code == 0
    assert [event.stage for event in of(events, StageFinished)].count("prove") == 2
    assert [event.stage for event in of(events, StageFinished)].count("images") == 1  # once for all
    assert Note("warning", "zz.jpg is left out: it is none of BMP, JPEG, PNG, TIFF, WEBP") in events
    for event, entry in zip(of(events, ArtifactPublished), manifest_of(spec)["artifacts"], strict=True):
        assert event.headline.startswith("keeps all ") and "on 6 images of yours" in event.headline
        proof = entry["verification"]["proof"]
        assert (proof["images"], proof["broken"], proof["labelled"]) == (6, 1, 6)
        assert proof["preparation"] == "square letterbox, 320×320 (height×width), pad 114, RGB, 0 to 1"
        assert proof["loss"]["score"] == "mAP50-95" and proof["kept"] == proof["expected"] > 10
        assert entry["made"]["spec"]["data"] == str(images)


def test_without_a_usable_image_nothing_begins(trained: Path, tmp_path: Path) -> None:
    events = done(small(trained, tmp_path, data=str(tmp_path)))
    assert end_of(events).exit_code == 2 and f"there is no picture in {tmp_path}" in end_of(events).message
    assert not of(events, StageFinished) and not list(tmp_path.iterdir())


def test_a_file_of_swapped_channels_fails(trained: Path, tmp_path: Path) -> None:
    """The command's exit code tells it, and its first line what becomes of the detections."""
    spec = small(trained, tmp_path, height=320, width=320, precisions=(FP32,))
    done(spec)
    path = tmp_path / "shapes-n.onnx"
    model = onnx.load(path)
    tensor = next(tensor for tensor in model.graph.initializer if tensor.name == "model.0.conv.weight")
    swapped = np.ascontiguousarray(numpy_helper.to_array(tensor)[:, ::-1])
    tensor.CopyFrom(numpy_helper.from_array(swapped, tensor.name))
    path = tmp_path / "swapped.onnx"
    onnx.save(model, path)
    told = halfpint("verify", path, "--against", trained, "--data", SHAPES, "--images", 8)
    assert told.returncode == 1
    assert ": FAIL, keeps " in told.stdout and "points of mAP50-95 against the labels are lost" in told.stdout
