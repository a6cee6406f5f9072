"""The options panel: formats, precisions and all else that makes a job, a key each and a line of help."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import reduce
from typing import TypeVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widget import Widget
from textual.widgets import Input, Static

from ...core.formats import Format, Precision
from ...core.spec import OPSETS, VerifyMode
from ..choices import Choices
from ..layout import Column, Page
from ..messages import OptionsChosen
from ..session import Session
from ..widgets.fields import TextField
from ..widgets.lines import Lines, plain
from ..widgets.toggles import Choice, Toggles
from .panel import Panel

T = TypeVar("T")
_FIELD_HELP = {
    "folder": "where the artifacts go; empty: beside the weights",
    "name": "the files' name, with {stem}, {height}, {width} and {batch}",
}


class OptionsPanel(Panel):
    """Toggles, and two fields for folder and name."""

    NAME = "options"
    TITLE = "Options"
    COLUMN, PAGE = Column.RIGHT, Page.INPUT
    HELP = (
        "What the job makes. The arrow keys move, space changes a value; the last line tells what the option under "
        "the cursor does. Every format is made in every precision. FP16 files keep FP32 input and outputs, unless "
        "FP16 I/O is on."
    )
    DEFAULT_CSS = """
    OptionsPanel {
        height: auto;
        Horizontal { height: 1; }
        Horizontal Static { width: 7; color: $text-muted; }
        TextField { width: 1fr; background: $boost; padding: 0 1; }
        #option-help { height: 1; }
    }
    """

    def __init__(self, number: int, session: Session) -> None:
        super().__init__(number, session)
        self._choices = session.choices

    def compose(self) -> ComposeResult:
        yield Toggles(_toggles(self._choices, self.session.devices), id="toggles")
        for name in ("folder", "name"):
            with Horizontal():
                yield Static(name, markup=False)
                yield TextField(getattr(self._choices, name), placeholder="beside the weights", id=name)
        yield Lines(id="option-help")

    def on_mount(self) -> None:
        self._help(self.query_one(Toggles).current.help)

    @property
    def target(self) -> Widget:
        return self.query_one(Toggles)

    @property
    def chosen(self) -> Choices:
        """What is chosen at this moment, whatever messages of it are still on their way."""
        folder, name = (self.query_one(f"#{field}", TextField).value for field in ("folder", "name"))
        chosen = replace(self._choices, folder=folder, name=name)
        return reduce(changed, self.query_one(Toggles).choices, chosen)

    def parts(self, session: Session) -> tuple[object, ...]:
        return (session.choices, session.devices)

    def show(self) -> None:
        self._choices = self.session.choices
        self.query_one(Toggles).show(_toggles(self._choices, self.session.devices))

    def choose_device(self, device: str) -> None:
        """Choose a device, as the toggle would."""
        self._choices = replace(self._choices, device=device)
        self.post_message(OptionsChosen(self._choices))

    def _help(self, text: str) -> None:
        self.query_one("#option-help", Lines).show([plain(text, "dim")])

    @on(Toggles.Changed)
    def _toggled(self, event: Toggles.Changed) -> None:
        event.stop()
        self._choices = changed(self._choices, event.choice)
        self.query_one(Toggles).show(_toggles(self._choices, self.session.devices))
        self.post_message(OptionsChosen(self._choices))

    @on(Toggles.Highlighted)
    def _moved(self, event: Toggles.Highlighted) -> None:
        event.stop()
        self._help(event.choice.help)

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        if event.input.id == "folder":
            self._choices = replace(self._choices, folder=event.value)
        else:
            self._choices = replace(self._choices, name=event.value)
        self.post_message(OptionsChosen(self._choices))

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        self.screen.focus_next()

    def on_descendant_focus(self) -> None:
        focused = self.screen.focused
        if focused is not None and focused.id in _FIELD_HELP:
            self._help(_FIELD_HELP[focused.id])
        else:
            self._help(self.query_one(Toggles).current.help)


def _toggles(choices: Choices, devices: tuple[str, ...]) -> list[Choice]:
    formats, precisions = choices.formats, choices.precisions
    opsets = tuple(map(str, OPSETS))
    known = devices if choices.device in devices else (*devices, choices.device)
    return [
        Choice("onnx", "ONNX", "an .onnx file: ONNX Runtime, TensorRT, OpenVINO", Format.ONNX in formats),
        Choice("torchscript", "TorchScript", "a file for torch.jit.load, LibTorch", Format.TORCHSCRIPT in formats),
        Choice("fp32", "FP32", "4 bytes a weight, as most runtimes expect", Precision.FP32 in precisions),
        Choice("fp16", "FP16", "2 bytes a weight: half the size", Precision.FP16 in precisions),
        Choice("opset", "opset", "ONNX operator set; 17 loads nearly everywhere", str(choices.opset), opsets),
        Choice("device", "device", "where TorchScript is traced and tried", choices.device, known),
        Choice("dynamic", "dynamic axes", "batch, height and width may vary", choices.dynamic),
        Choice("half_io", "FP16 I/O", "FP16 files also take and give FP16", choices.half_io),
        Choice("simplify", "simplify", "onnxsim; kept only if sound and no larger", choices.simplify),
        Choice("overwrite", "overwrite", "replace files that exist already", choices.overwrite),
        Choice("verify", "verify", "full: float64 reference; quick: it runs", choices.verify, tuple(VerifyMode)),
    ]


def changed(choices: Choices, choice: Choice) -> Choices:
    """The choices, with one of the toggles as it is now."""
    match choice.key:
        case "onnx" | "torchscript":
            return replace(choices, formats=_with(choices.formats, Format(choice.key), bool(choice.value), Format))
        case "fp32" | "fp16":
            wanted = _with(choices.precisions, Precision(choice.key), bool(choice.value), Precision)
            return replace(choices, precisions=wanted)
        case "opset":
            return replace(choices, opset=int(choice.value))
        case "verify":
            return replace(choices, verify=VerifyMode(str(choice.value)))
        case _:
            return replace(choices, **{choice.key: choice.value})


def _with(chosen: tuple[T, ...], one: T, on: bool, order: Iterable[T]) -> tuple[T, ...]:
    """What is chosen, with one more or less, in their own order."""
    return tuple(item for item in order if (on if item is one else item in chosen))
