"""A panel that is one table, of which enter opens a row."""

from __future__ import annotations

from textual import on

from ..widgets.listing import Listing, Row
from .panel import Panel


class TablePanel(Panel):
    """A panel with a `Listing` that nobody else listens to."""

    def open_row(self) -> None:
        """Open the row under the cursor: enter was pressed, or it was clicked."""
        raise NotImplementedError

    @property
    def row(self) -> Row | None:
        """The row under the cursor."""
        return self.query_one(Listing).current

    @on(Listing.Highlighted)
    def _moved(self, event: Listing.Highlighted) -> None:
        event.stop()

    @on(Listing.Scrolled)
    def _scrolled(self, event: Listing.Scrolled) -> None:
        event.stop()

    @on(Listing.Chosen)
    def _chosen(self, event: Listing.Chosen) -> None:
        event.stop()
        self.open_row()
