"""What our INT8 files trade beside those of onnxruntime's `quantize_static` with its defaults: bytes, loss, latency.

    python benchmarks/int8.py [CASE …] [--save]

Both make an INT8 file of the same FP32 file on the same eight pictures; ours is judged on eight others while it is
made, as every job does with half of its pictures. Then both are held against FP32 on the eight, on the other eight, and
on sixteen that neither has seen: the same mirrored, or other pages. All files are timed by turns. The losses are points
of mAP50-95 for detectors, against labels for `shapes-n` and against FP32's own detections for yolov5n, whose sample
weights are drawn by lot; for DBNet, of the F-score of its regions. Of `quantize_static`, a second file is told: of
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
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

from int8_cases import CASES, Case
from machine import describe
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, quantize_static

from halfpint.core.families import identify, open_weights
from halfpint.core.images.source import open_images
from halfpint.core.proof.prove import Yardstick, prove
from halfpint.core.proof.twin import seen_by_twin
from halfpint.core.targets.latency import latencies
from halfpint.core.targets.loaded import Runner
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
    for name in args.cases or named:
        with tempfile.TemporaryDirectory() as folder:
            done = measured(named[name], Path(folder))
        print(f"{name}: {done['what']}, {done['most']:g} points allowed; made in {done['seconds']} s", flush=True)
        for line in lines(done):
            print(f"  {line}")
        if args.save:
            save(name, done)


def measured(case: Case, folder: Path) -> Mapping[str, Any]:
    """All figures of a case."""
    weights, data = case.weights(folder), case.pictures(folder, False)
    start = time.perf_counter()
    reason = export(case, weights, folder, data)
    seconds = time.perf_counter() - start
    kinds = ("onnx", "int8.onnx", "theirs.onnx", "convolutions.onnx")
    full, ours, theirs, convolutions = (folder / f"{weights.stem}.{kind}" for kind in kinds)
    with open_weights(weights) as archive:
        network = identify(archive).network()
        every, fresh = open_images(data), open_images(case.pictures(folder, True))
        parts = {
            "made on": every.only(slice(0, None, 2)),
            "judged on": every.only(slice(1, None, 2)),
            "never seen": fresh,
        }
        found = {name: seen_by_twin(images, network, (case.side, case.side), "cpu") for name, images in parts.items()}
        quantize_static(full, theirs, Reader(found["made on"]))
        quantize_static(full, convolutions, Reader(found["made on"]), op_types_to_quantize=["Conv"], per_channel=True)
        files = {"FP32": full, "Halfpint": ours, "quantize_static": theirs, "  convolutions": convolutions}
        opened = {name: LoadedOnnx(path.read_bytes()) for name, path in files.items() if path.exists()}
        image = next(pixels(found["made on"]))
        taken = dict(zip(opened, latencies(list(opened.values()), image), strict=True))
        return {
            "side": case.side,
            "what": f"{found['made on'].finder.what} of {network.family}",
            "most": case.most,
            "seconds": round(seconds, 1),
            "failed": reason,
            "files": {
                name: {
                    "bytes": files[name].stat().st_size,
                    **({} if name == "FP32" else {"loss": {key: lost(runner, by) for key, by in found.items()}}),
                    "latency": {key: round(value, 5) for key, value in asdict(taken[name]).items()},
                }
                for name, runner in opened.items()
            },
        }


def export(case: Case, weights: Path, folder: Path, data: Path) -> str:
    """Make the FP32 and the INT8 file, as a user does; why there is none of the two, if so."""
    command = [HALFPINT, "export", "--weights", str(weights), "--imgsz", str(case.side), "--out", str(folder)]
    asked = ("--precision", "fp32", "int8", "--data", str(data), "--max-loss", str(case.most))
    done = subprocess.run([*command, *asked], capture_output=True, text=True, check=False)
    if not (folder / f"{weights.stem}.onnx").exists():
        raise SystemExit(f"halfpint export failed:\n{done.stderr[-2000:]}")
    return next((line for line in done.stderr.splitlines() if "int8.onnx was not published" in line), "")


class Reader(CalibrationDataReader):
    """The images as onnxruntime's calibration reads them."""

    def __init__(self, by: Yardstick) -> None:
        self._images = pixels(by)

    def get_next(self) -> dict[str, Array] | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        image = next(self._images, None)
        return None if image is None else {"images": image}


def pixels(by: Yardstick) -> Any:
    """The images as the network takes them."""
    return (image.pixels for image in by.images.stream(by.preparation))


def lost(runner: Runner, by: Yardstick) -> Mapping[str, Any]:
    """What a file loses on some images, in points, and what it keeps."""
    proof = prove(runner, by, 0.0)
    points = None if proof.loss is None else round(proof.loss.points, 3)
    return {"points": points, "kept": proof.kept, "expected": proof.expected, "new": proof.new}


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
