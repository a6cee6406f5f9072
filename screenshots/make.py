"""Make the pictures of the screen: real exports of sample weights, next to simulated GPUs. SVG, and PNG from it.

    pip install -c constraints.txt ".[dev,screenshots]"
    python screenshots/make.py

PNG needs DejaVu Sans Mono (Debian: fonts-dejavu-core).
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import resvg_py

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests"))

from halfpint.core.samples.make import write_dbnet, write_yolov5  # noqa: E402
from halfpint.core.samples.yolov5 import SampleSpec  # noqa: E402
from support.nvml import GIB, FakeGpu, FakeNvml  # noqa: E402  the tests' own, which are not installed
from support.screen import Screen, screen  # noqa: E402

_FONT = "DejaVu Sans Mono"
_PID = os.getpid()


@dataclass(frozen=True)
class Picture:
    """A picture: its name, the terminal's (columns, rows), and what was done before it was taken."""

    name: str
    size: tuple[int, int]
    play: Callable[[Screen], Awaitable[None]]


async def exported(s: Screen) -> None:
    """FP32 and FP16 ONNX of the file under the cursor, at 800×608, on the first GPU."""
    await s.until(lambda: "RTX 4090" in s.devices)
    await s.press("escape", "4", "d")
    await s.size(800, 608)
    await s.press("escape", "ctrl+r")
    if s.app.screen is not s.main:  # the files are there from another picture
        await s.press("o")
    await s.job_over()
    await s.until(lambda: "largest that fits" in s.devices)
    await s.press("1")


async def wrong(s: Screen) -> None:
    """A size that is no multiple of the stride."""
    await s.until(lambda: "RTX 4090" in s.devices)
    await s.size(800, 600)


async def report(s: Screen) -> None:
    """The full report of an artifact."""
    await exported(s)
    await s.press("6", "enter")


async def fit_map(s: Screen) -> None:
    """Which sizes fit into a GPU that others use, at a batch of 64."""
    await s.until(lambda: "RTX 4090" in s.devices)
    await s.press("escape", "4", "d", "d")
    await s.size(640, 640)
    await s.press("tab", "home", "delete", "6", "4", "escape")
    await s.until(lambda: "largest that fits" in s.devices)
    await s.press("m")
    await s.until(lambda: s.app.screen is not s.main)
    await s.pilot.pause(1.0)


PICTURES = (
    Picture("120x36", (120, 36), exported),
    Picture("200x60", (200, 60), exported),
    Picture("80x24", (80, 24), wrong),
    Picture("60x20", (60, 20), wrong),
    Picture("report", (120, 36), report),
    Picture("fit-map", (120, 46), fit_map),
)


async def take(picture: Picture, folder: Path) -> str:
    """A picture as SVG."""
    nvml = FakeNvml(
        FakeGpu(used=2 * GIB, processes=[(_PID, 2 * GIB)]),
        FakeGpu(used=19 * GIB),
        FakeGpu("NVIDIA A100-SXM4-80GB", used=41 * GIB, total=80 * GIB),
    )
    async with screen(folder, size=picture.size, nvml=nvml) as s:
        await s.until_known()
        await picture.play(s)
        await s.pilot.pause(0.2)
        return s.app.export_screenshot(title="halfpint (sample weights, simulated GPUs)", simplify=True)


def main() -> None:
    """Take all pictures, or those that are named."""
    wanted = set(sys.argv[1:])
    with tempfile.TemporaryDirectory() as name:
        os.environ["HALFPINT_STATE"] = os.environ["HALFPINT_CONFIG"] = str(Path(name, "state"))
        folder = Path(name, "runs")
        write_dbnet(folder / "untrained-dbnet-resnet18.pt")
        write_yolov5(folder / "exp" / "untrained-yolov5s.pt", SampleSpec(width=0.5))
        for picture in PICTURES:
            if not wanted or picture.name in wanted:
                svg = asyncio.run(take(picture, folder))
                (HERE / f"{picture.name}.svg").write_text(svg, encoding="utf-8")
                png = resvg_py.svg_to_bytes(svg_string=svg.replace("Fira Code", _FONT), monospace_family=_FONT)
                (HERE / f"{picture.name}.png").write_bytes(bytes(png))
                print(picture.name)


if __name__ == "__main__":
    main()
