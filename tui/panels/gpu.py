"""The GPU panel: what every GPU, the memory and the disk have free now, and whether what is chosen fits."""

from __future__ import annotations

from collections import deque
from dataclasses import replace

from textual.app import ComposeResult
from textual.message import Message

from ...core.options import DEVICE
from ..commands import SEARCH, Command
from ..feeds.devices import Sample
from ..layout import Column, Page
from ..lessons import FIT
from ..session import Session
from ..widgets.lines import Lines, plain
from .panel import Panel

_LINES_OF_A_GPU = 3  # at most: what it is, its bar, its past
_FEW = 2  # GPUs whose figures may change every second
_CELLS = 150  # of the past: as many as the widest terminal may show


class GpuPanel(Panel):
    """GPUs, memory, disk; the device that a job would run on is marked."""

    NAME = "gpu"
    TITLE = "GPU"
    COLUMN, PAGE = Column.RIGHT, Page.OUTPUT
    COMMANDS = (
        Command("next_device", "d", "Next device", "Run on the next GPU, or on the CPU", "Device"),
        Command("sort", "s", "Sort", "The processes by memory, by user, by number", "Sort"),
        Command("measure_gpu", "c", "Measure", "Measure what CUDA itself takes of the chosen GPU", "Measure GPU"),
        SEARCH,
    )
    HELP = (
        "Memory and load, once a second, as NVML and the system tell them. Each bar shows what others use (█), what "
        "the job is predicted to need (▒, in the colour of the verdict) and what is free (·). The job runs on the "
        "device with the mark; for each other GPU you see what the exported model needs there in PyTorch. FITS: enough "
        "is free. TIGHT: it may not be enough. WILL NOT FIT: less is free than the job needs at least. ONNX files are "
        "made on the CPU in any case."
    )
    LESSONS = (FIT,)
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
        self._order = 0

    def compose(self) -> ComposeResult:
        yield Lines(wrap=True, focusable=True, id="devices")

    def on_mount(self) -> None:
        self.query_one(Lines).show([plain("asking NVML …", "dim")])

    def parts(self, session: Session) -> tuple[object, ...]:
        return (session.sample, session.planned, session.spec, session.largest, session.jobs.memory)

    def _remember(self, sample: Sample) -> None:
        """Take a sample into the history: every cell of it is the largest of a few."""
        from ..memory_lines import SAMPLES_A_CELL

        memory = sample.memory
        shares = {"cpu": 1 - memory.available / memory.total}
        shares |= {str(gpu.index): gpu.used / gpu.total for gpu in sample.report.gpus if gpu.total}
        begins = self._samples % SAMPLES_A_CELL == 0
        self._samples += 1
        for device, share in shares.items():
            history = self._histories.setdefault(device, deque(maxlen=_CELLS))
            if begins or not history:
                history.append(share)
            else:
                history[-1] = max(history[-1], share)

    def follow(self, session: Session) -> None:
        """Take another state. Where many GPUs change every second, the figures wait for every second sample: each of
        them is bytes on the wire.
        """
        sample = session.sample
        if sample is not None and sample is not self._sample:
            self._remember(sample)
            self._sample = sample
            if len(sample.report.gpus) > _FEW and self.session.sample is not None and self._samples % 2:
                session = replace(session, sample=self.session.sample)
        super().follow(session)

    def show(self) -> None:
        sample = self.session.sample
        if sample is None:
            return
        from ..memory_lines import ORDERS, lines  # with the first sample: the screen is painted before

        shown = self.query_one(Lines)
        told = lines(self.session, self._histories, max(0, shown.size.width - 1), ORDERS[self._order])  # but the mark
        shown.show(told)
        device = self.session.choices[DEVICE]
        if device != self._chosen:
            self._chosen = device
            marked = next((place for place, line in enumerate(told) if line[0][0].startswith("> ")), 0)
            shown.reveal(marked, marked + _LINES_OF_A_GPU)
        count = len(sample.report.gpus)
        self.subtitle(f"{count} GPUs" if count > 1 else "")

    def action_sort(self) -> None:
        from ..memory_lines import ORDERS

        self._order = (self._order + 1) % len(ORDERS)
        self.title(f": processes by {ORDERS[self._order]}" if self._order else "")
        self.show()

    def action_next_device(self) -> None:
        self.post_message(self.NextDevice())

    def action_measure_gpu(self) -> None:
        self.post_message(self.MeasurementWanted())
