"""The main job on the screen, with real weights, real workers and real keys."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from halfpint.core.samples.make import write_yolov5
from halfpint.tui.widgets.listing import Listing
from support.screen import drive, screen


@pytest.fixture
def folder(tiny: Path, tmp_path: Path) -> Path:
    """A folder with one genuine checkpoint."""
    folder = tmp_path / "runs"
    folder.mkdir()
    shutil.copy(tiny, folder / "yolov5n.pt")
    return folder


def loads(path: Path, height: int, width: int) -> bool:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (output,) = session.run(None, {"images": np.zeros((1, 3, height, width), np.float32)})
    return np.isfinite(np.asarray(output)).all().item()


def test_from_the_file_to_verified_artifacts(folder: Path) -> None:
    async def script() -> None:
        async with screen(folder) as s:
            await s.until_known()
            assert s.files[0][0] == "yolov5n.pt"
            await s.size(800, 600)
            assert "600 is no multiple of the stride 32" in s.findings
            assert "- 800×576" in s.findings and "+ 800×608" in s.findings
            await s.press("ctrl+r")
            assert s.status.startswith("no export: 800×600")
            await s.press("f")
            assert "800×608 (height×width), portrait" in s.findings
            await s.press("ctrl+r")
            assert (await s.job_over()).exit_code == 0
            rows = {row[0]: row for row in s.artifacts}
            assert set(rows) == {"yolov5n.onnx", "yolov5n.fp16.onnx"}
            assert [rows[name][4] for name in rows] == ["PASS", "PASS"]
            assert str(rows["yolov5n.onnx"][5]).endswith(" × noise")
            assert all(row[1] == row[3] for row in rows.values())  # as large as was predicted
            assert "#1 done in" in s.log
            assert s.outcome.startswith("#1 done in") and "yolov5n.onnx, yolov5n.fp16.onnx, PASS" in s.outcome
            await s.press("escape", "6", "enter")
            assert "all 120 weight tensors equal the checkpoint's" in s.reading
            assert "sha256" in s.reading
            assert " × the rounding noise" in s.reading
            await s.press("q", "i")
            await s.until(lambda: "format" in s.reading and "sha256" in s.reading)  # `halfpint inspect` has said so
            await s.press("q")
            assert s.outcome.startswith("#1 done in")  # it stays
            await s.until(lambda: s.main.session.search.shelf)
            await s.press("home", "b")  # how fast it answers, in a process of its own
            await s.until(lambda: "median" in s.reading and "against FP32" in s.reading and "× " in s.reading)
            await s.press("q")

        async with screen(folder) as s:  # the files lie there; their manifest knows their verdicts
            await s.until(lambda: len(s.artifacts) == 2)
            assert {row[4] for row in s.artifacts} == {"PASS"}
            await s.press("6", "enter")
            assert "all 120 weight tensors equal the checkpoint's" in s.reading

    drive(script())
    assert loads(folder / "yolov5n.onnx", 800, 608)
    assert loads(folder / "yolov5n.fp16.onnx", 800, 608)


def test_a_cancelled_job_leaves_nothing(tmp_path: Path) -> None:
    weights = tmp_path / "sample.pt"
    write_yolov5(weights)

    async def script() -> None:
        async with screen(tmp_path) as s:
            await s.until_known()
            await s.size(1280, 1280)  # so that there is time to cancel it
            await s.press("ctrl+r")
            await s.until(lambda: "#1 read" in s.log)
            await s.press("ctrl+g")
            end = await s.job_over()
            assert end.exit_code == 130
            assert "#1 cancelled" in s.log
            assert {row[4] for row in s.artifacts} == {"–"}

    drive(script())
    assert [path.name for path in tmp_path.iterdir()] == ["sample.pt"]


def test_jobs_wait_for_each_other(tmp_path: Path) -> None:
    write_yolov5(tmp_path / "sample.pt")

    async def script() -> None:
        async with screen(tmp_path) as s:
            await s.until_known()
            await s.press("ctrl+r", "ctrl+r")
            assert "#2 sample.pt is in the queue behind #1" in s.log
            assert (await s.job_over(2)).exit_code == 2  # it would have replaced what the first one made
            first, second = s.log.index("#1 done"), s.log.index("#2 sample.pt at 1×640×640")
            assert first < second

    drive(script())
    assert loads(tmp_path / "sample.onnx", 640, 640)


def test_cancelling_the_job_that_runs_lets_the_next_one_begin(tmp_path: Path) -> None:
    write_yolov5(tmp_path / "sample.pt")

    async def script() -> None:
        async with screen(tmp_path) as s:
            await s.until_known()
            await s.size(1280, 1280)
            await s.press("ctrl+r", "escape")
            await s.size(64, 64)
            await s.press("ctrl+r")
            await s.until(lambda: "#1 read" in s.log)
            await s.press("ctrl+g")
            assert (await s.job_over()).exit_code == 130
            assert (await s.job_over(2)).exit_code == 0

    drive(script())
    assert loads(tmp_path / "sample.onnx", 64, 64)


def test_what_exists_is_only_replaced_on_request(folder: Path) -> None:
    (folder / "yolov5n.onnx").write_bytes(b"precious")

    async def script() -> None:
        async with screen(folder) as s:
            await s.until_known()
            await s.size(64, 64)
            await s.press("ctrl+r")
            assert "yolov5n.onnx exists already" in s.reading
            first = s.app.screen.query_one(Listing).current
            assert first is not None and first.key == "rename"  # enter replaces nothing
            await s.press("escape", "ctrl+r", "n")
            assert (await s.job_over()).exit_code == 0
            assert {row[0] for row in s.artifacts if row[4] == "PASS"} == {"yolov5n-2.onnx", "yolov5n-2.fp16.onnx"}
            assert (folder / "yolov5n.onnx").read_bytes() == b"precious"
            await s.press("ctrl+r", "o")
            assert (await s.job_over(2)).exit_code == 0

    drive(script())
    assert loads(folder / "yolov5n.onnx", 64, 64)


def test_keys_that_come_in_a_bunch_do_what_they_would_one_by_one(folder: Path) -> None:
    async def script() -> None:
        async with screen(folder) as s:
            await s.until_known()
            await s.press("2")
            await s.burst(*"96", "tab", *"64", "escape", "3", "down", "down", "space", "ctrl+r")
            assert (await s.job_over()).exit_code == 0
            assert "#1 yolov5n.pt at 1×96×64" in s.log
            assert len([row for row in s.artifacts if row[4] == "PASS"]) == 4

    drive(script())


def test_a_failed_job_says_why(folder: Path) -> None:
    async def script() -> None:
        async with screen(folder) as s:
            await s.until_known()
            await s.size(64, 64)
            s.main.query_one("#out").value = "/proc/nowhere"  # type: ignore[attr-defined]
            await s.press("ctrl+r")
            end = await s.job_over()
            assert end.exit_code != 0
            assert end.message in s.log
            await s.press("escape", "5", "v", "v")
            assert all("exit code" in line or "not published" in line for line in s.log.splitlines())

    drive(script())


def test_the_screen_is_the_command_line(folder: Path) -> None:
    async def script() -> None:
        async with screen(folder) as s:
            await s.until_known()
            await s.size(800, 600)
            await s.press("ctrl+y")
            weights = folder / "yolov5n.pt"
            assert f"halfpint export --weights {weights} --imgsz 800 600 --precision fp32 fp16" in s.reading

    drive(script())


def test_leaving_asks_about_a_job_that_runs(tmp_path: Path) -> None:
    write_yolov5(tmp_path / "sample.pt")

    async def script() -> None:
        async with screen(tmp_path) as s:
            await s.until_known()
            await s.size(1280, 1280)  # so that there is time to cancel it
            await s.press("ctrl+r")
            await s.until(lambda: s.main.session.jobs.running)
            await s.press("ctrl+q")
            assert "Job #1 runs" in s.reading and "halfpint jobs" in s.reading
            await s.press("c")
            await s.until(lambda: not s.app.is_running)

    drive(script())
    assert [path.name for path in tmp_path.iterdir()] == ["sample.pt"]
