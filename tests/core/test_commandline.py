"""Every spec has a command line, and the command line gives that spec back."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from halfpint.cli.export import spec_of
from halfpint.cli.parser import build_parser
from halfpint.core.commandline import command
from halfpint.core.options import VerifyMode
from halfpint.core.precisions import FLOATS, FP16, FP32
from halfpint.core.spec import ExportSpec
from halfpint.core.text import escaped
from support.targets import BOTH, ONNX

# Names in Unicode, and those of any bytes at all.
names = (
    st.text(st.characters(exclude_categories=("Cs",), exclude_characters="/{}\0"), min_size=1, max_size=30)
    | st.binary(min_size=1, max_size=30).map(os.fsdecode)
    | st.sampled_from(
        ["a\nb", "\x1b[31mred\x1b]0;title\x07", "it's\\\x9b", "\u202egpj", "-x", "!!", "$(true)\r", "'\t"]
    )
).filter(lambda name: name not in (".", "..") and not set(name) & set("/{}\0"))
paths = names.map(lambda name: Path("/weights") / name / "best.pt")


@st.composite
def specs(draw: st.DrawFn) -> ExportSpec:
    formats = draw(st.lists(st.sampled_from(BOTH), min_size=1, unique=True).map(tuple))
    precisions = draw(st.lists(st.sampled_from(FLOATS), min_size=1, unique=True).map(tuple))
    weights = draw(paths)
    return ExportSpec.of(
        weights=weights,
        out=draw(st.sampled_from([weights.parent, Path("/out"), Path("/an other/place")])),
        height=draw(st.integers(1, 2000)),
        width=draw(st.integers(1, 2000)),
        batch=draw(st.integers(1, 64)),
        targets=formats,
        precisions=precisions,
        dynamic=draw(st.booleans()),
        opset=draw(st.integers(11, 21)),
        half_io=draw(st.booleans()) and FP16 in precisions,
        simplify=draw(st.booleans()) and ONNX in formats,
        device=draw(st.sampled_from(["cpu", "0", "3"])),
        name=draw(st.sampled_from(["{stem}", "{stem}-{height}x{width}", "-b{batch}"]) | names),
        overwrite=draw(st.booleans()),
        verify=draw(st.sampled_from(VerifyMode)),
        force=draw(st.booleans()),
    )


def arguments_in(line: str) -> list[str]:
    """The words of a command line, as a shell takes it."""
    printed = subprocess.run(["bash", "-c", f"printf '%s\\0' {line}"], capture_output=True, check=True).stdout
    return [os.fsdecode(word) for word in printed.split(b"\0")[:-1]]


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
@given(specs())
def test_the_command_asks_for_the_same_job(spec: ExportSpec) -> None:
    line = command(spec)
    assert escaped(line) == line
    program, *arguments = arguments_in(line)
    args = build_parser().parse_args(arguments)
    assert program == "halfpint"
    assert [spec_of(args, weights) for weights in args.weights] == [spec]


def test_defaults_are_left_out() -> None:
    weights = Path("/runs/best.pt")
    assert command(ExportSpec.of(weights, weights.parent)) == "halfpint export --weights /runs/best.pt --imgsz 640"
    spec = ExportSpec.of(weights, Path("/out"), height=800, width=608, precisions=(FP32, FP16))
    assert command(spec) == ("halfpint export --weights /runs/best.pt --imgsz 800 608 --precision fp32 fp16 --out /out")


def test_what_acts_on_a_terminal_is_spelled_in_octal() -> None:
    weights = Path("/runs") / os.fsdecode(b"caf\xe9\n\x1b[31m it's.pt")
    line = "halfpint export --weights $'/runs/caf\\351\\012\\033[31m it\\'s.pt' --imgsz 640"
    assert command(ExportSpec.of(weights, weights.parent)) == line
