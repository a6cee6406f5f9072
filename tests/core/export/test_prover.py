"""A job with images of the user: what it tells of them, and what keeps it from beginning."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from halfpint.core.events import ArtifactFailed, ArtifactPublished, Note, StageFinished
from halfpint.core.options import VerifyMode
from halfpint.core.precisions import FP32
from support.command import halfpint
from support.jobs import done, done_when, end_of, manifest_of, of, small
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


def test_pictures_are_published_with_the_file_and_go_with_it(trained: Path, tmp_path: Path) -> None:
    images = picture_folder(tmp_path, 3)
    more: dict[str, Any] = {"precisions": (FP32,), "data": str(images), "verify": VerifyMode.QUICK}
    spec = small(trained, tmp_path / "out", save_images=2, **more)
    events = done(spec)
    names = [f"shapes-n.onnx.{number}.png" for number in (1, 2)]
    assert of(events, ArtifactPublished)[0].pictures == tuple(names)
    (entry,) = manifest_of(spec)["artifacts"]
    for listed, name in zip(entry["pictures"], names, strict=True):
        data = (spec.out / name).read_bytes()
        assert (listed["file"], listed["sha256"]) == (name, hashlib.sha256(data).hexdigest())
        assert listed["image"] in ("00.png", "01.png", "02.png")
    # Nothing is replaced silently, and what shows a file that is no more goes with it.
    (spec.out / "shapes-n.onnx").unlink()
    assert f"{names[0]} exists already" in end_of(done(spec)).message
    (spec.out / names[1]).write_text("mine")
    done(small(trained, tmp_path / "out", overwrite=True, **more))
    assert {path.name for path in spec.out.iterdir()} == {"shapes-n.onnx", "shapes-n.halfpint.json", names[1]}


def test_of_a_file_that_fails_the_pictures_are_there(trained: Path, tmp_path: Path) -> None:
    """Its channels are swapped once it is written."""
    images = picture_folder(tmp_path, 2)
    more: dict[str, Any] = {"precisions": (FP32,), "data": str(images), "verify": VerifyMode.QUICK}
    spec = small(trained, tmp_path / "out", height=320, width=320, save_images=1, **more)
    events = done_when(spec, "write", lambda: swap_channels(next(spec.out.glob(".shapes-n.onnx.????????.part"))))
    assert end_of(events).exit_code == 1
    (failed,) = of(events, ArtifactFailed)
    assert str(spec.out / "shapes-n.onnx.failed.1.png") in failed.fix
    assert [path.name for path in spec.out.iterdir()] == ["shapes-n.onnx.failed.1.png"]


def test_without_a_usable_image_nothing_begins(trained: Path, tmp_path: Path) -> None:
    events = done(small(trained, tmp_path, data=str(tmp_path)))
    assert end_of(events).exit_code == 2 and f"there is no picture in {tmp_path}" in end_of(events).message
    assert not of(events, StageFinished) and not list(tmp_path.iterdir())


def test_a_file_of_swapped_channels_fails(trained: Path, tmp_path: Path) -> None:
    """The command's exit code tells it, and its first line what becomes of the detections."""
    spec = small(trained, tmp_path, height=320, width=320, precisions=(FP32,))
    done(spec)
    path = tmp_path / "shapes-n.onnx"
    swap_channels(path)
    path = path.rename(tmp_path / "swapped.onnx")
    told = halfpint("verify", path, "--against", trained, "--data", SHAPES, "--images", 8)
    assert told.returncode == 1
    assert ": FAIL, keeps " in told.stdout and "points of mAP50-95 against the labels are lost" in told.stdout


def swap_channels(path: Path) -> None:
    model = onnx.load(path)
    tensor = next(tensor for tensor in model.graph.initializer if tensor.name == "model.0.conv.weight")
    swapped = np.ascontiguousarray(numpy_helper.to_array(tensor)[:, ::-1])
    tensor.CopyFrom(numpy_helper.from_array(swapped, tensor.name))
    path.write_bytes(model.SerializeToString())
