"""The report's table of a proof: a row a class with a bar, what loses most first."""

from __future__ import annotations

from dataclasses import asdict

from textual.app import App

from halfpint.core.verify.proof import ClassProof, Loss, Proof
from halfpint.tui.proof_lines import proof_lines
from halfpint.tui.screens.reader import Reader
from halfpint.tui.widgets.lines import Lines
from support.screen import drive

CLASSES = (
    ClassProof("cat", 40, 40, 0, 0.9, 0.9),
    ClassProof("dog", 10, 5, 0, 0.8, 0.5),
    ClassProof("a very long name of a class", 0, 0, 3),
)
PROOF = Proof(
    "/data", 16, 0, 16, "square letterbox", "FP32 in ONNX Runtime", "detections", 0.25, 50, 45, 3,
    Loss("mAP50-95", 0.85, 0.7, "the labels"), None, None, CLASSES, 0.5,
)  # fmt: skip


def test_the_report_shows_a_bar_for_each_class() -> None:
    async def script() -> None:
        async with App[None]().run_test(size=(100, 20)) as pilot:
            await pilot.app.push_screen(Reader("best.onnx", list(proof_lines(asdict(PROOF)))))
            await pilot.pause()
            rows = [" ".join(line.split()) for line in pilot.app.screen.query_one(Lines).text.splitlines()]
            assert rows == [
                "all detections ██████████████████░░ 45 of 50, 5 lost, 3 new mAP50-95 0.850 → 0.700",
                "dog ██████████░░░░░░░░░░ 5 of 10, 5 lost 0.800 → 0.500",
                "a very long nam… ···················· 0 of 0, 3 new",
                "cat ████████████████████ 40 of 40 0.900 → 0.900",
            ]

    drive(script())
