"""The size panel: height, width and batch, with what is wrong about them and its fix at every keystroke."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Static

from ...core.shapes import Finding, Level, neighbours
from ..choices import USUAL_STRIDE, Size, described
from ..commands import Command
from ..layout import Column, Page
from ..lessons import FIT, STRIDE
from ..messages import SizeTyped
from ..option_words import on_screen
from ..session import Session
from ..status import where
from ..widgets.fields import NumberField
from ..widgets.lines import Line, Lines, plain
from .panel import Panel

_KINDS = {Level.OK: "good", Level.WARNING: "warning", Level.ERROR: "error"}
_MARKS = {Level.OK: "ok", Level.WARNING: "!", Level.ERROR: "x"}


class SizePanel(Panel):
    """Three fields and the findings on them."""

    NAME = "size"
    TITLE = "Size"
    COLUMN, PAGE = Column.RIGHT, Page.INPUT
    COMMANDS = (
        Command("nearest", "f", "Fix the size", "Take the nearest legal size", "Fix"),
        Command("lower", "minus", "Next size below", "Height and width down to multiples of the stride"),
        Command("higher", "plus", "Next size above", "Height and width up to multiples of the stride"),
        Command("swap", "s,x", "Swap", "Swap height and width", "Swap"),
        Command("presets", "p", "Presets", "Choose one of the usual sizes", "Presets"),
        Command("largest_batch", "b", "Largest batch", "Take the largest batch that fits at this size", "Batch"),
        Command("pin", "B", "Pin the batch", "Keep the batch for other files too; otherwise it is 1 there"),
        Command("step(1)", "up,k", "A stride more", "The field grows by a stride (the batch by one)"),
        Command("step(-1)", "down,j", "A stride less", "The field shrinks by a stride (the batch by one)"),
        Command("step(4)", "shift+up", "Four strides more", "The field grows by four strides"),
        Command("step(-4)", "shift+down", "Four strides less", "The field shrinks by four strides"),
    )
    HELP = (
        "Height, width and batch of the input. Height and width must be multiples of the checkpoint's stride. "
        "Type digits, or step with the arrow keys; 800x608 typed or pasted fills both. If a size is not legal, f "
        "takes the nearest one that is."
    )
    LESSONS = (STRIDE, FIT)
    DEFAULT_CSS = """
    SizePanel {
        height: auto;
        #sizes { height: 1; }
        #sizes Static { width: auto; color: $text-muted; }
        #sizes NumberField { width: 8; margin: 0 1; padding: 0 1; background: $boost; }
        #findings { height: 4; }
        &.-input-page #sizes NumberField { width: 5; padding: 0; }
        &.-input-page #findings { height: 4; }
    }
    """

    class PresetsWanted(Message):
        """The person asks for the list of usual sizes."""

    class LargestBatchWanted(Message):
        """The person asks for the largest batch that fits."""

    class PinWanted(Message):
        """The batch is to stay for other files too, or no longer."""

    def compose(self) -> ComposeResult:
        with Horizontal(id="sizes"):
            for name, value in self.session.choices.size._asdict().items():
                yield Static(name, markup=False)
                yield NumberField("" if value is None else str(value), id=name)
        yield Lines(wrap=True, id="findings")

    def on_mount(self) -> None:
        self._field("height").next, self._field("width").next = self._field("width"), self._field("batch")

    def _field(self, name: str) -> NumberField:
        return self.query_one(f"#{name}", NumberField)

    @property
    def typed(self) -> Size:
        """What is typed."""
        return Size(self._field("height").number, self._field("width").number, self._field("batch").number)

    @property
    def target(self) -> Widget:
        return self._field("height")

    @property
    def _stride(self) -> int:
        return self.session.facts.stride if self.session.facts else USUAL_STRIDE

    def parts(self, session: Session) -> tuple[object, ...]:
        return (
            session.choices.size,
            session.choices.pinned,
            session.facts and session.facts.stride,
            _about_size(session),
            _verdict(session),
        )

    def show(self) -> None:
        facts, findings = self.session.facts, _about_size(self.session)
        self.subtitle(f"stride {facts.stride}" if facts else "")
        wrong = any(finding.level is Level.ERROR for finding in findings)
        choices = self.session.choices
        pinned = f" · batch {choices.batch} pinned" if choices.pinned else ""
        lines: list[Line] = [] if wrong else [plain(f"{described(choices.size)}{pinned}", "dim")]
        lines += _verdict(self.session)
        for finding in findings:
            head = (on_screen(f"{_MARKS[finding.level]} {finding.message}"), _KINDS[finding.level])
            if finding.rule == "stride":  # its fix is a key
                lines += [(head,), self._ways_out()]
            else:
                lines.append((head, (on_screen(f"; {finding.fix}"), "")) if finding.fix else (head,))
        self.query_one("#findings", Lines).show(lines)

    def _ways_out(self) -> Line:
        size = self.session.choices.size
        assert size.height is not None and size.width is not None
        (h0, h1), (w0, w1) = neighbours(size.height, self._stride), neighbours(size.width, self._stride)
        h, w = (size.nearest(self._stride).height, size.nearest(self._stride).width)
        return (
            ("f", "accent"), (f" {h}×{w}   ", "@app.run_command('size','nearest')"),
            ("-", "accent"), (f" {h0}×{w0}   ", "@app.run_command('size', 'lower')"),
            ("+", "accent"), (f" {h1}×{w1}   ", "@app.run_command('size', 'higher')"),
            ("?", "accent"), (" why", "@screen.help"),
        )  # fmt: skip

    def put(self, size: Size) -> None:
        """Type a size, as the person would."""
        for name, value in zip(("height", "width", "batch"), size, strict=True):
            text = "" if value is None else str(value)
            if self._field(name).value != text:
                self._field(name).value = text

    @on(NumberField.Pasted)
    def _pasted(self, event: NumberField.Pasted) -> None:
        """Numbers go into the field that they were pasted into, and those behind it; two or more begin with height."""
        event.stop()
        first = Size._fields.index(event.field.id or "height") if len(event.numbers) == 1 else 0
        named = dict(zip(Size._fields[first:], event.numbers, strict=False))
        self.put(self.typed._replace(**named))

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(SizeTyped(self.typed))

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

    def action_largest_batch(self) -> None:
        self.post_message(self.LargestBatchWanted())

    def action_pin(self) -> None:
        self.post_message(self.PinWanted())

    def action_step(self, steps: int) -> None:
        name = self.screen.focused.id if isinstance(self.screen.focused, NumberField) else "height"
        self.put(self.typed.stepped(name or "height", steps, self._stride))


def _verdict(session: Session) -> tuple[Line, ...]:
    """Whether the job fits where it is to run, in a line."""
    plan = session.plan  # while a person types, one of a moment ago: it would come and go with every key
    if plan is None or plan.fit is None:
        return ()
    from ..fit_kinds import FIT_KINDS  # with the first plan: the screen is painted before

    found = plan.fit.decisive  # what is free changes all the time, and stands in the panel of the devices
    needed = str(found.need).partition(",")[0]  # how far it may be off stands there too
    return (((str(found.fit), FIT_KINDS[found.fit]), (f" {where(session)}: needs {needed}", "")),)


def _about_size(session: Session) -> tuple[Finding, ...]:
    """The findings but for those on the machine, which other panels show."""
    return tuple(finding for finding in session.findings if not finding.of_machine)
