"""Which panels are in sight on a terminal of some size, and how one goes from one to another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.widgets import Input

from ..hints import field_line, key_line, tab_line
from ..layout import Arrangement, Mode, arrange
from ..panels.panel import Panel
from ..panels.registry import PANELS, commands, names
from ..widgets.fields import TextField
from ..widgets.lines import Lines

if TYPE_CHECKING:
    from textual.screen import Screen
    from textual.widget import Widget

COLUMNS_CSS = """
MainScreen {
    #tabs, #keys { height: 1; }
    #body { height: 1fr; layout: horizontal; }
    #left { width: 1fr; }
    #right { width: 54; }
    &.-wide #right { width: 45%; }
    &.-input-page #right { width: 42; }
    &.-output-page #body { layout: vertical; }
    &.-output-page #left { width: 1fr; height: 1fr; }
    &.-output-page #right { width: 1fr; height: 7; }
    &.-single #left, &.-single #right { width: 1fr; }
    &.-single Panel { height: 1fr; }
}
"""
_HOME = "#files"  # where keys are not typed


class Arranger:
    """Shows what there is room for on a screen that has all panels, the columns, and the lines `#tabs` and `#keys`."""

    def __init__(self, screen: Screen[None]) -> None:
        self._screen = screen
        self._zoomed = False
        self.panel = names()[0]  # the one with the focus, or the last that had it

    @property
    def focused(self) -> Panel:
        """The panel with the focus, or the last that had it."""
        return self._screen.query_one(f"#{self.panel}", Panel)

    def show(self) -> None:
        """Show what there is room for."""
        arrangement = self._arrangement()
        self.tell_style(arrangement)
        for panel in PANELS:
            self._screen.query_one(f"#{panel.NAME}").display = panel.NAME in arrangement.shown
        for column in {panel.COLUMN for panel in PANELS}:
            shown = any(panel.COLUMN is column and panel.NAME in arrangement.shown for panel in PANELS)
            self._screen.query_one(f"#{column}").display = shown
        tabs = self._screen.query_one("#tabs", Lines)
        tabs.display = arrangement.tabs
        tabs.show([tab_line(names(), self.panel, arrangement.shown)])
        self._show_keys()

    def _show_keys(self) -> None:
        typing = isinstance(self._screen.focused, TextField)
        width = self._screen.app.size.width
        line = field_line(commands(), len(PANELS), width) if typing else key_line(commands(), self.panel, width)
        self._screen.query_one("#keys", Lines).show([line])

    def tell_style(self, arrangement: Arrangement | None = None) -> None:
        """Tell the style sheet what is shown. Cheap while the screen has no children yet."""
        arrangement = arrangement or self._arrangement()
        for widget in (self._screen, *self._screen.query(Panel)):
            self._dress(widget, arrangement)

    def dress(self, panel: Panel) -> None:
        """Tell a panel that is not on the screen yet what is shown: Textual's `&` stands for the panel alone."""
        self._dress(panel, self._arrangement())

    def _dress(self, widget: Widget, arrangement: Arrangement) -> None:
        for mode in Mode:
            widget.set_class(arrangement.mode is mode, f"-{mode}")
        widget.set_class(arrangement.tall, "-tall")
        widget.set_class(arrangement.low, "-low")
        widget.set_class(self._screen.app.size.width >= 160, "-wide")

    def follow_focus(self, widget: Widget) -> None:
        """The focus is on this widget: its panel comes into sight."""
        panel = next((a for a in widget.ancestors if isinstance(a, Panel)), None)
        if panel is not None and self.panel != panel.NAME:
            self._go_to(panel.NAME)
        else:
            self._show_keys()

    def jump(self, name: str) -> None:
        """Put the focus on a panel."""
        self._go_to(name)
        self._screen.set_focus(self.focused.target)  # at once: `focus` would do it later

    def zoom(self) -> None:
        """The panel with the focus fills the screen, or no longer does."""
        self._zoomed = not self._zoomed
        self.show()

    def leave(self) -> None:
        """Leave a field for its panel, and a zoomed panel for all of them."""
        if self._zoomed:
            self.zoom()
        target = self.focused.target
        # A field again would not do: in it, keys are typed.
        self._screen.set_focus(self._screen.query_one(_HOME) if isinstance(target, Input) else target)

    def _go_to(self, name: str) -> None:
        self.panel = name
        self.show()

    def _arrangement(self) -> Arrangement:
        size = self._screen.app.size
        pages = {panel.NAME: panel.PAGE for panel in PANELS}
        stand_ins = {panel.NAME: panel.STANDS_IN_FOR for panel in PANELS if panel.STANDS_IN_FOR}
        return arrange(size.width, size.height, pages, stand_ins, self.panel, self._zoomed)
