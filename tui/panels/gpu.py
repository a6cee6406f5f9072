"""The GPU panel: what every GPU, the memory and the disk have free now, and whom a job would disturb."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.message import Message

from ...core.units import mebibytes
from ..feeds.devices import Sample
from ..widgets.lines import Line, Lines, plain
from .panel import Panel

if TYPE_CHECKING:
    from ...core.devices import Gpu, GpuProcess


class GpuPanel(Panel):
    """GPUs, memory, disk; the device that a job would run on is marked."""

    NAME = "gpu"
    TITLE = "GPU"
    HELP = (
        "What NVML, the system and the disk say, once a second: memory used and in all, utilisation, temperature, "
        "and the largest processes with their users. The device that the job would run on is marked; d takes the "
        "next one. ONNX files are made and verified on the CPU whatever the device is."
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

    def compose(self) -> ComposeResult:
        yield Lines(wrap=True, focusable=True, id="devices")

    def on_mount(self) -> None:
        self.query_one(Lines).show([plain("asking NVML …", "dim")])

    def show(self, sample: Sample, device: str) -> None:
        """Show what the machine says."""
        self.query_one(Lines).show(device_lines(sample, device))
        count = len(sample.report.gpus)
        self.subtitle(f"{count} GPUs" if count > 1 else "")

    def action_next_device(self) -> None:
        self.post_message(self.NextDevice())


def device_lines(sample: Sample, device: str) -> list[Line]:
    """The machine in lines. `device`: the one to mark, `cpu` or an index."""
    lines: list[Line] = []
    if sample.report.problem:
        lines.append(plain(sample.report.problem, "dim"))
    for gpu in sample.report.gpus:
        chosen = str(gpu.index) == device
        lines.append(_gpu_line(gpu, chosen))
        if gpu.processes:
            lines.append(plain("    " + ", ".join(map(_process, gpu.processes)), "dim"))
    memory = sample.memory
    mark = ">" if device == "cpu" else " "
    available = f"{mebibytes(memory.available)} of {mebibytes(memory.total)} available"
    lines.append(((f"{mark} CPU ", "accent" if device == "cpu" else ""), (f"RAM  {available}", "")))
    if sample.disk is not None:
        lines.append(plain(f"  disk {sample.disk / 1e9:,.1f} GB free where the artifacts go"))
    return lines


def _gpu_line(gpu: Gpu, chosen: bool) -> Line:
    name = gpu.name.removeprefix("NVIDIA ").removeprefix("GeForce ") + (f" {gpu.slice}" if gpu.slice else "")
    head = (f"{'>' if chosen else ' '} {gpu.index} {name}  ", "accent" if chosen else "")
    if gpu.problem:
        return (head, (gpu.problem, "error"))
    figures = [f"{gpu.used / 2**30:.1f}/{gpu.total / 2**30:.1f} GiB used"]
    figures += [f"{gpu.utilisation} %"] if gpu.utilisation is not None else []
    figures += [f"{gpu.temperature} °C"] if gpu.temperature is not None else []
    return (head, ("  ".join(figures), ""))


def _process(process: GpuProcess) -> str:
    nbytes = mebibytes(process.nbytes) if process.nbytes is not None else "?"
    return f"{nbytes} {process.user or 'pid'} {process.pid}"
