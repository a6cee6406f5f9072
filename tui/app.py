"""The app: the main screen, its theme and signals, and what is remembered from one time to the next."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Iterable, Sequence
from pathlib import Path
from threading import Timer
from typing import TYPE_CHECKING, ClassVar

from textual.app import App
from textual.binding import Binding
from textual.filter import LineFilter

from ..core.text import escaped_lines
from . import settings
from .commands import palette
from .panels.registry import commands
from .screens.main import MainScreen
from .themes import THEMES, other
from .widgets.guard import GUARD

if TYPE_CHECKING:
    from ..core.devices import GpuSampler
    from ..core.jobs.database import Job
    from ..core.spec import ExportSpec


_GRACE_SECONDS = 1.0  # from a signal to the end, whatever happens


class HalfpintApp(App[None]):
    """Halfpint on a terminal."""

    TITLE = "Halfpint"
    COMMANDS: ClassVar = App.COMMANDS | {lambda: palette(commands())}
    BINDINGS: ClassVar = [Binding("ctrl+q", "leave", "Quit", show=False), Binding("ctrl+l", "redraw", show=False)]
    ENABLE_COMMAND_PALETTE = True

    def __init__(self, start: Path, sampler: GpuSampler | None = None, jobs: Iterable[ExportSpec] = ()) -> None:
        """`start`: the folder to search. `sampler`: what to ask for GPUs; None for NVML. `jobs`: to begin with."""
        super().__init__()
        for theme in THEMES:
            self.register_theme(theme)
        choices, self._warning = settings.load(settings.settings_path())
        self._begin_with(settings.theme(settings.settings_path()))
        self.main = MainScreen(start.absolute(), choices, sampler, jobs)

    def _begin_with(self, theme: str) -> None:
        """Take a theme before anything has a style: a change of it later computes all styles anew."""
        self.set_reactive(App.theme, theme)
        self.set_class(self.current_theme.dark, "-dark-mode", update=False)
        self.set_class(not self.current_theme.dark, "-light-mode", update=False)
        self.stylesheet.set_variables(self.get_css_variables())

    def get_default_screen(self) -> MainScreen:
        """The main screen is the lowest one: no empty one is painted before it."""
        return self.main

    def get_line_filters(self) -> Sequence[LineFilter]:
        """What every line of every widget goes through on its way to the terminal."""
        return [GUARD, *super().get_line_filters()]

    def copy_to_clipboard(self, text: str) -> None:
        """Ask the terminal to take a text, escaped; Textual's own fields do so too."""
        super().copy_to_clipboard(escaped_lines(text))

    def on_mount(self) -> None:
        self.animation_level = "none"  # animations are bytes on the wire
        self.app_resume_signal.subscribe(self, lambda _: self.action_redraw())  # the shell wrote over it
        if not self.is_headless:
            self._listen()

    def on_ready(self) -> None:
        if self._warning:
            self.main.say(self._warning, "warning")

    async def action_leave(self) -> None:
        jobs = self.main.session.jobs
        if jobs.running or jobs.waiting:
            self.action_ask_leave()
        else:
            self._end()

    def action_ask_leave(self) -> None:
        """Leave, after a question in any case: `q` is easily typed."""
        from .dialogs import ask_quit

        jobs = self.main.session.jobs
        mine = self.main.services.jobs.mine((*jobs.running, *jobs.waiting))
        ask_quit(self, jobs, mine, lambda cancel: self._end(mine if cancel else ()))

    def action_toggle_theme(self) -> None:
        """The light theme, or the dark one."""
        self.theme = other(self.theme)

    def action_help_quit(self) -> None:
        """^c: no key to lose work by. It tells which ones leave."""
        self.bell()
        self.main.say("^c does nothing here: q leaves, ^g cancels a job")

    async def action_quit(self) -> None:
        """What the palette calls quitting."""
        await self.action_leave()

    def action_redraw(self) -> None:
        """Paint everything again, as after something else wrote to the terminal."""
        if self._driver is not None:
            self._driver.write("\x1b[2J")
        self.screen.refresh(layout=True)

    async def run_command(self, panel: str, action: str) -> None:
        """Run an action of a panel, or of the main screen, as a click asks for it."""
        await self.run_action(action, default_namespace=self.main.query_one(f"#{panel}") if panel else self.main)

    def _end(self, cancelled: Sequence[Job] = (), code: int = 0) -> None:
        self._remember()
        self.main.services.stop(cancelled)
        self.exit(return_code=code)

    def _remember(self) -> None:
        settings.save(settings.settings_path(), self.main.session.choices, self.theme)

    def _listen(self) -> None:
        """End at once, with the terminal as it was, when the system asks for it."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            with contextlib.suppress(NotImplementedError, ValueError):
                loop.add_signal_handler(number, self._end_now, number)

    def _end_now(self, number: int) -> None:
        # The terminal may be gone, and writing to it may hang.
        last = Timer(_GRACE_SECONDS, os._exit, (128 + number,))
        last.daemon = True
        last.start()
        self._end(code=128 + number)
