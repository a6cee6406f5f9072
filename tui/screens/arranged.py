"""A screen of panels: which of them are in sight on a terminal of some size, and how one goes from one to another."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.widgets import Input

from ..commands import PANELS
from ..hints import key_line, tab_line
from ..layout import Arrangement, Mode, arrange
from ..panels.panel import Panel
from ..widgets.lines import Lines
from .quiet import QuietScreen


class ArrangedScreen(QuietScreen):
    """Has all panels, in `#left` and `#right`, and the lines `#tabs` and `#keys`."""

    DEFAULT_CSS = """
    ArrangedScreen {
        #tabs, #keys { height: 1; }
        #body { height: 1fr; layout: horizontal; }
        #left { width: 1fr; }
        #right { width: 54; }
        &.-wide #right { width: 72; }
        &.-tall LogPanel { height: 18; }
        &.-tall ArtifactsPanel { height: 11; }
        &.-input-page #right { width: 42; }
        &.-output-page #body { layout: vertical; }
        &.-output-page #left { width: 1fr; height: 1fr; }
        &.-output-page #right { width: 1fr; height: 9; }
        &.-output-page LogPanel { height: 1fr; }
        &.-single #left, &.-single #right { width: 1fr; }
        &.-single Panel { height: 1fr; }
    }
    """
    HOME: ClassVar[str] = "#files"  # where keys are not typed

    def __init__(self) -> None:
        super().__init__()
        self.panel, self._zoomed = PANELS[0], False

    def focused_panel(self) -> Panel:
        """The panel with the focus, or the last that had it."""
        return self.query_one(f"#{self.panel}", Panel)

    def show_what_fits(self) -> None:
        """Show what there is room for."""
        arrangement = self.arrangement()
        self.set_mode(arrangement)
        for name in PANELS:
            self.query_one(f"#{name}").display = name in arrangement.shown
        self.query_one("#left").display = bool(arrangement.shown & {"weights", "log", "artifacts"})
        self.query_one("#right").display = bool(arrangement.shown & {"size", "options", "gpu"})
        tabs = self.query_one("#tabs", Lines)
        tabs.display = arrangement.tabs
        tabs.show([tab_line(self.panel, arrangement.shown)])
        self.query_one("#keys", Lines).show([key_line(self.panel)])

    def arrangement(self) -> Arrangement:
        """What there is room for."""
        return arrange(self.app.size.width, self.app.size.height, self.panel, self._zoomed)

    def set_mode(self, arrangement: Arrangement) -> None:
        """Tell the style sheet. Cheap while the screen has no children yet."""
        for mode in Mode:
            self.set_class(arrangement.mode is mode, f"-{mode}")
        self.set_class(arrangement.tall, "-tall")
        self.set_class(self.app.size.width >= 160, "-wide")

    def on_resize(self, _: events.Resize) -> None:
        self.show_what_fits()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        panel = next((a for a in event.widget.ancestors if isinstance(a, Panel)), None)
        if panel is not None and self.panel != panel.NAME:
            self._show_panel(panel.NAME)

    def _show_panel(self, name: str) -> None:
        self.panel = name
        self.show_what_fits()

    def action_jump(self, name: str) -> None:
        self._show_panel(name)
        self.set_focus(self.focused_panel().target)  # at once: `focus` would do it later

    def action_zoom(self) -> None:
        self._zoomed = not self._zoomed
        self.show_what_fits()

    def action_leave(self) -> None:
        if self._zoomed:
            self.action_zoom()
        target = self.focused_panel().target
        # A field again would not do: in it, keys are typed.
        self.set_focus(self.query_one(self.HOME) if isinstance(target, Input) else target)
