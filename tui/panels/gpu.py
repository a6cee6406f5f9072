"""The GPU panel: what every GPU, the memory and the disk have free now, and whether what is chosen fits."""

from __future__ import annotations

from collections import deque

from textual.app import ComposeResult
from textual.message import Message

from ...core.options import DEVICE
from ..commands import Command
from ..feeds.devices import Sample
from ..layout import Column, Page
from ..session import Session
from ..widgets.lines import Lines, plain
from .panel import Panel

_LINES_OF_A_GPU = 3  # at most: what it is, its bar, its past
_SAMPLES_A_CELL, _CELLS = 5, 24  # two minutes, at a sample a second


class GpuPanel(Panel):
    """GPUs, memory, disk; the device that a job would run on is marked."""

    NAME = "gpu"
    TITLE = "GPU"
    COLUMN, PAGE = Column.RIGHT, Page.OUTPUT
    COMMANDS = (
        Command("next_device", "d", "Next device", "Run on the next GPU, or on the CPU", "Device"),
        Command("measure_gpu", "c", "Measure", "Measure what CUDA itself takes of the chosen GPU", "Measure GPU"),
    )
    HELP = (
        "Memory and load, once a second, as NVML and the system tell them. Each bar shows what others use (█), what "
        "the job is predicted to need (▒, in the colour of the verdict) and what is free (·). The job runs on the "
        "device with the mark; for each other GPU you see what the exported model needs there in PyTorch. FITS: enough "
        "is free. TIGHT: it may not be enough. WILL NOT FIT: less is free than the job needs at least. ONNX files are "
        "made on the CPU in any case."
    )
    DEFAULT_CSS = """
    GpuPanel {
        height: 1fr;
        min-height: 5;
        #devices { height: 1fr; }
    }
    """

    class NextDevice(Message):
        """Another device is wanted."""

    class MeasurementWanted(Message):
        """The chosen GPU is to be measured."""

    def __init__(self, number: int, session: Session) -> None:
        super().__init__(number, session)
        self._sample: Sample | None = None
        self._histories: dict[str, deque[float]] = {}
        self._samples = 0
        self._chosen = ""

    def compose(self) -> ComposeResult:
        yield Lines(wrap=True, focusable=True, id="devices")

    def on_mount(self) -> None:
        self.query_one(Lines).show([plain("asking NVML …", "dim")])

    def parts(self, session: Session) -> tuple[object, ...]:
        return (session.sample, session.planned, session.spec, session.largest, session.jobs.memory)

    def _remember(self, sample: Sample) -> None:
        """Take a sample into the history: every cell of it is the largest of a few."""
        memory = sample.memory
        shares = {"cpu": 1 - memory.available / memory.total}
        shares |= {str(gpu.index): gpu.used / gpu.total for gpu in sample.report.gpus if gpu.total}
        begins = self._samples % _SAMPLES_A_CELL == 0
        self._samples += 1
        for device, share in shares.items():
            history = self._histories.setdefault(device, deque(maxlen=_CELLS))
            if begins or not history:
                history.append(share)
            else:
                history[-1] = max(history[-1], share)

    def show(self) -> None:
        sample = self.session.sample
        if sample is None:
            return
        from ..memory_lines import lines  # with the first sample: the screen is painted before

        if sample is not self._sample:
            self._remember(sample)
            self._sample = sample
        shown, told = self.query_one(Lines), lines(self.session, self._histories)
        shown.show(told)
        device = self.session.choices[DEVICE]
        if device != self._chosen:
            self._chosen = device
            marked = next((place for place, line in enumerate(told) if line[0][0].startswith("> ")), 0)
            shown.reveal(marked, marked + _LINES_OF_A_GPU)
        count = len(sample.report.gpus)
        self.subtitle(f"{count} GPUs" if count > 1 else "")

    def action_next_device(self) -> None:
        self.post_message(self.NextDevice())

    def action_measure_gpu(self) -> None:
        self.post_message(self.MeasurementWanted())
