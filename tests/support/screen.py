"""The screen, driven as a person drives it: keys in, what stands there out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from textual import events
from textual.pilot import Pilot

from halfpint.core.devices import GpuSampler
from halfpint.core.events import JobFinished
from halfpint.tui.app import HalfpintApp
from halfpint.tui.feeds.jobs import JobNews
from halfpint.tui.panels.artifacts import ArtifactsPanel
from halfpint.tui.panels.gpu import GpuPanel
from halfpint.tui.panels.jobs import JobsPanel
from halfpint.tui.panels.log import LogPanel
from halfpint.tui.panels.panel import Panel
from halfpint.tui.panels.size import SizePanel
from halfpint.tui.panels.weights import WeightsPanel
from halfpint.tui.screens.main import MainScreen
from halfpint.tui.widgets.lines import Lines
from halfpint.tui.widgets.listing import Listing
from support.nvml import FakeNvml, NVMLError_LibraryNotFound
from support.runners import end_runners

_PATIENCE_SECONDS = 60.0


class Screen:
    """A running screen."""

    def __init__(self, app: HalfpintApp, pilot: Pilot[Any], ends: list[JobFinished]) -> None:
        self.app, self.pilot, self.ends = app, pilot, ends

    @property
    def main(self) -> MainScreen:
        return self.app.main

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def type(self, text: str) -> None:
        await self.press(*text)

    async def burst(self, *keys: str) -> None:
        """Press keys as they come over a slow line: all at once."""
        for key in keys:
            char = {"tab": "\t", "escape": "\x1b", "ctrl+r": "\x12"}.get(key, key)
            self.app.post_message(events.Key(key, char))
        await self.pilot.pause()

    async def until(self, true: Callable[[], object]) -> None:
        """Wait until something is so; fails after a minute."""
        end = time.monotonic() + _PATIENCE_SECONDS
        while not true():
            assert time.monotonic() < end, f"it did not happen; the status says: {self.status}"
            await self.pilot.pause(0.01)

    async def until_known(self) -> None:
        """Wait until the file under the cursor was looked at."""
        await self.until(lambda: self.main.query_one("#facts", Lines).lines)

    async def size(self, height: int, width: int) -> None:
        """Type a size into the fields."""
        await self.press("2", "home", *["delete"] * 5)
        await self.type(str(height))
        await self.press("tab", "home", *["delete"] * 5)
        await self.type(str(width))

    async def put(self, text: str) -> None:
        """Paste a text."""
        self.app.post_message(events.Paste(text))
        await self.pilot.pause()

    async def job_over(self, number: int = 1) -> JobFinished:
        """Wait until so many jobs are over; the last one's end."""
        await self.until(lambda: len(self.ends) >= number)
        await self.pilot.pause()
        return self.ends[number - 1]

    @property
    def painted(self) -> str:
        """All that stands on the terminal, line by line."""
        strips = self.app.screen._compositor.render_strips()  # what Textual hands to its driver
        return "\n".join(strip.text for strip in strips)

    @property
    def status(self) -> str:
        return self.main.query_one("#status", Lines).text

    @property
    def outcome(self) -> str:
        return self.main.query_one("#job", Lines).text

    @property
    def findings(self) -> str:
        return self.main.query_one(SizePanel).query_one(Lines).text

    @property
    def log(self) -> str:
        return self.main.query_one(LogPanel).query_one(Lines).text

    @property
    def devices(self) -> str:
        return self.main.query_one(GpuPanel).query_one(Lines).text

    @property
    def facts(self) -> str:
        return self.main.query_one("#facts", Lines).text

    @property
    def files(self) -> list[tuple[str | None, ...]]:
        return [row.cells for row in self.main.query_one(WeightsPanel).query_one(Listing).rows]

    @property
    def artifacts(self) -> list[tuple[str | None, ...]]:
        return [row.cells for row in self.main.query_one(ArtifactsPanel).query_one(Listing).rows]

    @property
    def jobs(self) -> list[tuple[str | None, ...]]:
        return [row.cells for row in self.main.query_one(JobsPanel).query_one(Listing).rows]

    @property
    def panels_in_sight(self) -> set[str]:
        return {panel.NAME for panel in self.main.query(Panel) if panel.display and panel.region.area}

    @property
    def reading(self) -> str:
        """What the dialog on top says."""
        return "\n".join(lines.text for lines in self.app.screen.query(Lines))


@asynccontextmanager
async def screen(
    folder: Path, *, size: tuple[int, int] = (120, 36), nvml: FakeNvml | None = None
) -> AsyncIterator[Screen]:
    """The screen over a folder; without NVML, unless a fake is given."""
    sampler = GpuSampler(nvml or FakeNvml(error=NVMLError_LibraryNotFound()))
    app = HalfpintApp(folder, sampler)
    ends: list[JobFinished] = []

    def watch(message: object) -> None:
        if isinstance(message, JobNews) and message.finished and message not in seen:
            seen.append(message)
            ends.append(message.finished)

    seen: list[JobNews] = []
    async with app.run_test(size=size, message_hook=watch) as pilot:
        try:
            yield Screen(app, pilot, ends)
        finally:
            jobs = app.main.session.jobs
            app.main.services.stop((*jobs.running, *jobs.waiting))
            end_runners()


def drive(script: Coroutine[Any, Any, None]) -> None:
    """Run a test's script to its end."""
    asyncio.run(script)
