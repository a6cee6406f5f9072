"""The size panel: height, width and batch, with what is wrong about them and its fix at every keystroke."""

from __future__ import annotations

from collections.abc import Sequence

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Static

from ...core.shapes import Finding, Level, neighbours
from ..choices import USUAL_STRIDE, Size
from ..widgets.fields import NumberField
from ..widgets.lines import Line, Lines, plain
from .panel import Panel

_KINDS = {Level.OK: "good", Level.WARNING: "warning", Level.ERROR: "error"}
_MARKS = {Level.OK: "ok", Level.WARNING: "!", Level.ERROR: "x"}


class SizePanel(Panel):
    """Three fields and the findings on them."""

    NAME = "size"
    TITLE = "Size"
    HELP = (
        "Height, width and batch of the input. Height and width must be multiples of the checkpoint's stride. "
        "Type digits, or step with the arrow keys; while a size is not legal, one key takes the nearest that is."
    )
    DEFAULT_CSS = """
    SizePanel {
        height: auto;
        #sizes { height: 1; }
        #sizes Static { width: auto; color: $text-muted; }
        #sizes NumberField { width: 8; margin: 0 1; padding: 0 1; background: $boost; }
        #findings { height: 3; }
        .-input-page & #sizes NumberField { width: 6; padding: 0; }
        .-input-page & #findings { height: 4; }
    }
    """

    class Changed(Message):
        """Another size is typed."""

        def __init__(self, size: Size) -> None:
            super().__init__()
            self.size = size

    def __init__(self, size: Size) -> None:
        super().__init__()
        self._initial = size
        self._stride = USUAL_STRIDE

    def compose(self) -> ComposeResult:
        with Horizontal(id="sizes"):
            for name, value in zip(("height", "width", "batch"), self._initial, strict=True):
                yield Static(name, markup=False)
                yield NumberField("" if value is None else str(value), id=name)
        yield Lines(wrap=True, id="findings")

    def _field(self, name: str) -> NumberField:
        return self.query_one(f"#{name}", NumberField)

    @property
    def typed(self) -> Size:
        """What is typed."""
        return Size(self._field("height").number, self._field("width").number, self._field("batch").number)

    @property
    def target(self) -> Widget:
        return self._field("height")

    def show(self, stride: int | None, findings: Sequence[Finding], summary: str) -> None:
        """Show what there is to say. `summary`: of a size that is legal."""
        self._stride = stride or USUAL_STRIDE
        self.subtitle(f"stride {stride}" if stride else "")
        lines: list[Line] = [] if any(f.level is Level.ERROR for f in findings) else [plain(summary, "dim")]
        for finding in findings:
            head = (f"{_MARKS[finding.level]} {finding.message}", _KINDS[finding.level])
            if finding.rule == "stride":  # its fix is a key
                lines += [(head,), self._ways_out()]
            else:
                lines.append((head, ("; " + finding.fix, "")) if finding.fix else (head,))
        self.query_one("#findings", Lines).show(lines)

    def _ways_out(self) -> Line:
        size = self.typed
        assert size.height is not None and size.width is not None
        (h0, h1), (w0, w1) = neighbours(size.height, self._stride), neighbours(size.width, self._stride)
        h, w = (size.nearest(self._stride).height, size.nearest(self._stride).width)
        return (
            ("f", "accent"), (f" {h}×{w}   ", "@app.run_command('size','nearest')"),
            ("-", "accent"), (f" {h0}×{w0}   ", "@app.run_command('size', 'lower')"),
            ("+", "accent"), (f" {h1}×{w1}", "@app.run_command('size', 'higher')"),
        )  # fmt: skip

    def put(self, size: Size) -> None:
        """Type a size, as the person would."""
        for name, value in zip(("height", "width", "batch"), size, strict=True):
            text = "" if value is None else str(value)
            if self._field(name).value != text:
                self._field(name).value = text

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Changed(self.typed))

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        self.screen.focus_next()

    def action_nearest(self) -> None:
        self.put(self.typed.nearest(self._stride))

    def action_lower(self) -> None:
        self.put(self.typed.lower(self._stride))

    def action_higher(self) -> None:
        self.put(self.typed.higher(self._stride))

    def action_swap(self) -> None:
        self.put(self.typed.swapped())

    def action_presets(self) -> None:
        self.post_message(self.PresetsWanted())

    def action_step(self, steps: int) -> None:
        name = self.screen.focused.id if isinstance(self.screen.focused, NumberField) else "height"
        self.put(self.typed.stepped(name or "height", steps, self._stride))

    class PresetsWanted(Message):
        """The person asks for the list of usual sizes."""
