"""What our INT8 files trade beside those of onnxruntime's `quantize_static` with its defaults: bytes, loss, latency.

    python benchmarks/int8.py [CASE …] [--save]

Both make an INT8 file of the same FP32 file on the same eight pictures; ours is judged on eight others while it is
made, as every job does with half of its pictures. Then both are held against FP32 on the eight, on the other eight, and
on sixteen that neither has seen: the same mirrored, or other pages. All files are timed by turns. The losses are points
of mAP50-95 for detectors, against labels for `shapes-n` and against FP32's own detections for yolov5n, whose sample
weights are drawn by lot; for DBNet and for the detector of PP-OCRv4 (from the package rapidocr-onnxruntime; it is left
out where that is not installed), of the F-score of their regions. Of `quantize_static`, a second file is told: of
convolutions alone, with a scale for each channel, as one finds it in many recipes. `--save` replaces the cases that
were run.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

import onnx
from int8_cases import CASES, Case
from int8_judges import Found, Judge, Regions
from machine import describe
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, quantize_static

from halfpint.core.families import identify, open_weights
from halfpint.core.images.source import ImageSource, open_images
from halfpint.core.network.preparation import Preparation
from halfpint.core.proof.twin import seen_by_twin
from halfpint.core.targets.latency import latencies
from halfpint.core.targets.onnx.loaded import LoadedOnnx

Array = NDArray[Any]

HALFPINT = str(Path(sys.executable).parent / "halfpint")
SAVED = Path(__file__).parent / "results" / "int8.json"


def main() -> None:
    parser = argparse.ArgumentParser(description="What INT8 trades, beside onnxruntime's defaults.")
    named = {case.name: case for case in CASES}
    parser.add_argument("cases", nargs="*", choices=[*named, []], metavar="CASE", help=f"of {', '.join(named)}")
    parser.add_argument("--save", action="store_true", help=f"keep the figures (in {SAVED.name})")
    args = parser.parse_args()
    for name in args.cases or (case.name for case in CASES if case.there):
        with tempfile.TemporaryDirectory() as folder:
            done = measured(named[name], Path(folder))
        print(f"{name}: {done['what']}, {done['most']:g} points allowed; made in {done['seconds']} s", flush=True)
        for line in lines(done):
            print(f"  {line}")
        if args.save:
            save(name, done)


@dataclass(frozen=True)
class Made:
    """An FP32 file, the INT8 file of it if there is one, else why not, and judges by the images that they stand for."""

    full: Path
    ours: Path
    reason: str
    judges: Mapping[str, Judge]


def measured(case: Case, folder: Path) -> Mapping[str, Any]:
    """All figures of a case."""
    start = time.perf_counter()
    with exported(case, folder) if case.pixels is None else quantised(case, folder) as made:
        seconds = time.perf_counter() - start
        theirs, convolutions = folder / "theirs.onnx", folder / "convolutions.onnx"
        judge = made.judges["made on"]
        quantize_static(made.full, theirs, Reader(made.full, judge))
        quantize_static(
            made.full, convolutions, Reader(made.full, judge), op_types_to_quantize=["Conv"], per_channel=True
        )
        files = {"FP32": made.full, "Halfpint": made.ours, "quantize_static": theirs, "  convolutions": convolutions}
        opened = {name: LoadedOnnx(path.read_bytes()) for name, path in files.items() if path.exists()}
        taken = dict(zip(opened, latencies(list(opened.values()), next(judge.pixels())), strict=True))
        return {
            "side": case.side,
            "what": judge.what,
            "most": case.most,
            "seconds": round(seconds, 1),
            "failed": made.reason,
            "files": {
                name: {
                    "bytes": files[name].stat().st_size,
                    **({} if name == "FP32" else {"loss": {key: by.lost(runner) for key, by in made.judges.items()}}),
                    "latency": {key: round(value, 5) for key, value in asdict(taken[name]).items()},
                }
                for name, runner in opened.items()
            },
        }


@contextmanager
def exported(case: Case, folder: Path) -> Iterator[Made]:
    """Both files of weights, as a user makes them."""
    weights = case.weights(folder)
    command = ["export", "--weights", str(weights), "--precision", "fp32", "int8"]
    full = folder / f"{weights.stem}.onnx"
    said = asked(case, folder, command)
    if not full.exists():
        raise SystemExit(f"halfpint export failed:\n{said[-2000:]}")
    with open_weights(weights) as archive:
        network, size = identify(archive).network(), (case.side, case.side)
        judges = {name: Found(seen_by_twin(images, network, size, "cpu")) for name, images in parts(case, folder)}
        yield Made(full, folder / f"{weights.stem}.int8.onnx", refused(said), judges)


@contextmanager
def quantised(case: Case, folder: Path) -> Iterator[Made]:
    """The INT8 file of somebody's file, as a user makes it."""
    full, pixels = case.weights(folder), case.pixels
    assert pixels is not None
    levels = (("--mean", pixels.mean), ("--std", pixels.divisor))
    flags = [text for flag, values in levels for text in (flag, *(str(value / 255) for value in values))]
    said = asked(case, folder, ["quantise", str(full), *flags, *(["--bgr"] if pixels.order == "BGR" else [])])
    preparation = Preparation(3, case.side, case.side, 1, pixels=pixels)
    loaded = LoadedOnnx(full.read_bytes())
    judges = {name: Regions(loaded, images, preparation) for name, images in parts(case, folder)}
    yield Made(full, folder / f"{full.stem}.int8.onnx", refused(said), judges)


def parts(case: Case, folder: Path) -> Iterator[tuple[str, ImageSource]]:
    """The pictures: those that files are made on, those that ours is judged on, and others."""
    every = open_images(case.pictures(folder, False))
    yield "made on", every.only(slice(0, None, 2))
    yield "judged on", every.only(slice(1, None, 2))
    yield "never seen", open_images(case.pictures(folder, True))


def asked(case: Case, folder: Path, command: Sequence[str]) -> str:
    """Run a command of ours on a case's pictures; what it says of errors."""
    more = ("--imgsz", str(case.side), "--max-loss", str(case.most), "--out", str(folder))
    data = ("--data", str(case.pictures(folder, False)))
    return subprocess.run([HALFPINT, *command, *more, *data], capture_output=True, text=True, check=False).stderr


def refused(said: str) -> str:
    """Why there is no INT8 file, if so."""
    return next((line for line in said.splitlines() if line.startswith("halfpint: ")), "")


class Reader(CalibrationDataReader):
    """The images as onnxruntime's calibration reads them."""

    def __init__(self, full: Path, judge: Judge) -> None:
        self._name = onnx.load(full, load_external_data=False).graph.input[0].name
        self._images = judge.pixels()

    def get_next(self) -> dict[str, Array] | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        image = next(self._images, None)
        return None if image is None else {self._name: image}


def lines(done: Mapping[str, Any]) -> Sequence[str]:
    """A line a file."""
    full = done["files"]["FP32"]
    told = [done["failed"]] if done["failed"] else []
    for name, file in done["files"].items():
        times = f"{1e3 * file['latency']['median']:.1f} ms ({1e3 * file['latency']['p95']:.1f})"
        losses = "; ".join(f"{key}: {loss(value)}" for key, value in file.get("loss", {}).items())
        told.append(f"{name:15}  {file['bytes']:>10,} bytes  {file['bytes'] / full['bytes']:.3f}  {times}  {losses}")
    return told


def loss(value: Mapping[str, Any]) -> str:
    """`-0.16 points, 58 of 58 kept, 1 new`."""
    points = "no answer" if value["points"] is None else f"{-value['points']:+.2f} points"
    return f"{points}, {value['kept']} of {value['expected']} kept, {value['new']} new"


def save(name: str, done: Mapping[str, Any]) -> None:
    """Put a case's figures in the place of those that were there."""
    kept: dict[str, Any] = json.loads(SAVED.read_text(encoding="utf-8"))["cases"] if SAVED.exists() else {}
    cases = {**kept, name: done}
    machine = {**describe(), "load when it ended": f"{os.getloadavg()[0]:.1f}"}
    report = {"date": date.today().isoformat(), "machine": machine, "cases": cases}
    SAVED.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
