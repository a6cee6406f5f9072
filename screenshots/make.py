"""Make the pictures of the screen: real exports, next to simulated GPUs. SVG, PNG from it, and a tour that moves.

    pip install -c constraints.txt ".[dev,screenshots]"
    python screenshots/make.py [NAME …]

The weights are a yolov5n that was trained on pictures of coloured shapes (`tests/fixtures/yolov5/shapes-n.pt`), proved
on such pictures. PNG needs DejaVu Sans Mono (Debian: fonts-dejavu-core).
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import resvg_py

HERE = Path(__file__).parent
TESTS = HERE.parent / "tests"
sys.path.insert(0, str(TESTS))

from halfpint.core.samples.make import write_dbnet  # noqa: E402
from halfpint.tui.panels.weights import WeightsPanel  # noqa: E402
from support.nvml import GIB, FakeGpu, FakeNvml  # noqa: E402  the tests' own, which are not installed
from support.screen import Screen, screen  # noqa: E402
from support.shapes import picture_folder  # noqa: E402

_FONT = "DejaVu Sans Mono"
_TITLE = "halfpint (trained on shapes, simulated GPUs)"
WEIGHTS = {run: Path("train", run, "weights", "best.pt") for run in ("exp2", "shapes")}
_FRAME_SECONDS = 2.5  # that each picture of the tour stands


@dataclass(frozen=True)
class Picture:
    """A picture: its name, the terminal's (columns, rows), and what was done before it was taken."""

    name: str
    size: tuple[int, int]
    play: Callable[[Screen], Awaitable[None]]


async def begun(s: Screen) -> None:
    """The trained detector under the cursor, with images to prove it on, on the first GPU."""
    await s.until(lambda: "RTX 4090" in s.devices and len(s.files) > 2)
    start = s.main.session.search.start
    s.main.query_one(WeightsPanel).listing.go_to(str(start / WEIGHTS["shapes"]))
    await s.until(lambda: s.main.session.facts)
    s.main.query_one("#data").value = str(start.parent / "pictures" / "images")  # type: ignore[attr-defined]
    await s.press("4", "d", "escape", "2", *"320x320", "escape")
    await s.until(lambda: s.main.session.largest)


async def exported(s: Screen) -> None:
    """FP32 and FP16 ONNX, proved on the images."""
    await begun(s)
    before = len(s.ends)
    await s.press("escape", "ctrl+r")
    if s.app.screen is not s.main:  # the files are there from another picture
        await s.press("o")
    await s.job_over(before + 1)
    await s.until(lambda: any("kept" in str(row[5]) for row in s.artifacts))
    await s.press("escape", "1")


async def light(s: Screen) -> None:
    """The same, light."""
    await exported(s)
    await s.press("t")


async def wrong(s: Screen) -> None:
    """A size that is no multiple of the stride."""
    await s.until(lambda: "RTX 4090" in s.devices)
    await s.press("escape", "2", *"800x600")


async def report(s: Screen) -> None:
    """The full report of an artifact."""
    await exported(s)
    await s.press("6", "home", "enter")


async def fit_map(s: Screen) -> None:
    """Which sizes fit into a GPU that others use, at a batch of 64."""
    await begun(s)
    await s.press("escape", "4", "d", "escape", "2", *"640x640x256", "escape")
    await s.until(lambda: s.main.session.largest)
    await s.press("1", "m")
    await s.until(lambda: "FITS" in s.reading)


PICTURES = (
    Picture("120x36", (120, 36), exported),
    Picture("light", (120, 36), light),
    Picture("200x60", (200, 60), exported),
    Picture("80x24", (80, 24), wrong),
    Picture("60x20", (60, 20), wrong),
    Picture("report", (120, 36), report),
    Picture("fit-map", (120, 46), fit_map),
)


async def tour(s: Screen, take: Callable[[], None]) -> None:
    """The whole job, picture by picture: a size that is wrong, its fix, the job, what came of it."""
    await begun(s)
    take()
    await s.press("escape", "2", *"300x320")
    await s.until(lambda: "no multiple" in s.findings)
    take()
    await s.press("f")
    await s.until(lambda: s.main.session.plan_of_this_job)
    take()
    await s.press("escape", "ctrl+r")
    if s.app.screen is not s.main:
        await s.press("o")
    await s.until(lambda: s.main.session.jobs.running and s.main.session.jobs.ongoing)
    take()
    await s.job_over()
    await s.until(lambda: any("kept" in str(row[5]) for row in s.artifacts))
    await s.press("6", "home")
    take()
    await s.press("enter")
    take()


def machine() -> FakeNvml:
    """Three GPUs that others use."""
    return FakeNvml(
        FakeGpu(used=2 * GIB, processes=[(os.getpid(), 2 * GIB)]),
        FakeGpu(used=19 * GIB),
        FakeGpu("NVIDIA A100-SXM4-80GB", used=41 * GIB, total=80 * GIB),
    )


async def take(picture: Picture, folder: Path) -> str:
    """A picture as SVG."""
    async with screen(folder, size=picture.size, nvml=machine()) as s:
        await s.until_known()
        await picture.play(s)
        await s.pilot.pause(0.2)
        return s.app.export_screenshot(title=_TITLE, simplify=True)


async def take_tour(folder: Path) -> str:
    """The tour as one SVG that moves."""
    frames: list[str] = []
    async with screen(folder, size=(120, 36), nvml=machine()) as s:
        await s.until_known()
        await tour(s, lambda: frames.append(s.app.export_screenshot(title=_TITLE, simplify=True)))
    return moving(frames)


def moving(frames: Sequence[str]) -> str:
    """Pictures of one size, one after the other, for ever: each is seen for its part of the time."""
    opening = re.search(r"<svg[^>]*>", frames[0])
    assert opening is not None
    total, share = _FRAME_SECONDS * len(frames), 100 / len(frames)
    style = (
        f"@keyframes turn {{ 0%, {share:.3f}% {{ visibility: visible }} {share + 0.001:.3f}%, 100% "
        f"{{ visibility: hidden }} }} .frame {{ visibility: hidden; animation: turn {total}s step-end infinite }}"
    )
    parts = [opening[0], f"<style>{style}</style>"]
    for number, frame in enumerate(frames):
        delay = f"animation-delay: {number * _FRAME_SECONDS}s"
        parts.append(f'<g class="frame" style="{delay}">{frame.strip()}</g>')
    return "\n".join([*parts, "</svg>"])


def main() -> None:
    """Take all pictures and the tour, or those that are named."""
    wanted = set(sys.argv[1:])
    with tempfile.TemporaryDirectory() as name:
        os.environ["HALFPINT_STATE"] = os.environ["HALFPINT_CONFIG"] = str(Path(name, "state"))
        os.environ["HOME"] = name
        folder = Path(name, "runs")
        write_dbnet(folder / "untrained-dbnet-resnet18.pt")
        for source, run in (("v6.0-s", "exp2"), ("shapes-n", "shapes")):
            path = folder / WEIGHTS[run]
            path.parent.mkdir(parents=True)
            shutil.copyfile(TESTS / "fixtures" / "yolov5" / f"{source}.pt", path)
        picture_folder(Path(name, "pictures"), labels=True)
        for picture in PICTURES:
            if not wanted or picture.name in wanted:
                Path(name, "state", "settings.toml").unlink(missing_ok=True)
                svg = asyncio.run(take(picture, folder))
                (HERE / f"{picture.name}.svg").write_text(svg, encoding="utf-8")
                png = resvg_py.svg_to_bytes(svg_string=svg.replace("Fira Code", _FONT), monospace_family=_FONT)
                (HERE / f"{picture.name}.png").write_bytes(bytes(png))
                print(picture.name)
        if not wanted or "tour" in wanted:
            (HERE / "tour.svg").write_text(asyncio.run(take_tour(folder)), encoding="utf-8")
            print("tour")


if __name__ == "__main__":
    main()
