"""All panels, in the order of their numbers, and all commands. A panel of another kind is a line here."""

from __future__ import annotations

from ..commands import EVERYWHERE, Command, jumps
from .artifacts import ArtifactsPanel
from .gpu import GpuPanel
from .jobs import JobsPanel
from .log import LogPanel
from .options import OptionsPanel
from .panel import Panel
from .size import SizePanel
from .weights import WeightsPanel

PANELS: tuple[type[Panel], ...] = (
    WeightsPanel,
    SizePanel,
    OptionsPanel,
    GpuPanel,
    LogPanel,
    ArtifactsPanel,
    JobsPanel,
)


def names() -> tuple[str, ...]:
    """The panels by name, in the order of their numbers."""
    return tuple(panel.NAME for panel in PANELS)


def screen_commands() -> tuple[Command, ...]:
    """What works wherever the focus is."""
    return (*EVERYWHERE, *jumps(names()))


def commands() -> tuple[Command, ...]:
    """Every action of the main screen and its panels."""
    return (*screen_commands(), *(command for panel in PANELS for command in panel.COMMANDS))
