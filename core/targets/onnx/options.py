"""The options that are there for ONNX files."""

from __future__ import annotations

from collections.abc import Iterator

from ...option import Choice, Choices, FilePath, Number, OneOf, Option, Part, Switch
from ...precisions import INT8
from .int8.scheme import Machine

OPSET = Option(
    "opset",
    Number(range(11, 22)),
    17,
    Part.RECIPE,
    "ONNX operator set; 17 loads nearly everywhere",
    title="opset",
    metavar="N",
)
SIMPLIFY = Option(
    "simplify",
    Switch(),
    False,
    Part.RECIPE,
    "run onnxsim; keep its result if it is sound and no larger",
    title="simplify",
)


def _machines() -> Iterator[Choice[Machine]]:
    yield Choice(Machine.CPU, "CPU", "unsigned activations, which x86 is fast with")
    yield Choice(Machine.ARM, "ARM", "signed activations, which ARM is fast with")
    yield Choice(Machine.TENSORRT, "TensorRT", "signed and symmetric, as TensorRT wants them")


_MACHINES = Choices(_machines)

QUANTISED_FOR = Option(
    "int8_for",
    OneOf(_MACHINES),
    Machine.CPU,
    Part.RECIPE,
    "what INT8 files are to run on; " + "; ".join(f"{choice.spelling}: {choice.help}" for choice in _MACHINES.all),
    title="INT8 for",
    precisions=frozenset((INT8.name,)),
)
REPORT = Option(
    "int8_report",
    FilePath("none"),
    "",
    Part.RECIPE,
    "a .csv file with what INT8 does to each layer, and what keeping it in float cost and brought",
    title="INT8 report",
    metavar="FILE",
    precisions=frozenset((INT8.name,)),
    shown=False,
)
