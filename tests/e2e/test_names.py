"""File names that are not what one hopes for go through every command, and none of them acts on a terminal."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from halfpint.core.commandline import command
from halfpint.core.spec import ExportSpec
from support.command import HALFPINT
from support.terminal import terminal

# No UTF-8; escapes that clear the screen, in seven bits and in eight; a name that reads backwards; markup; a newline.
NAMES = [
    b"caf\xe9.pt",
    b"a\x1b[2Jb.pt",
    "c\x9b2Jd.pt".encode(),
    "x\u202etp.pt".encode(),
    b"[red]w[bold].pt",
    b"two\nlines.pt",
]
# What leaves may hold no control character but a newline, and no character of direction.
RAW = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def run(*arguments: bytes | str | Path, **variables: str) -> tuple[int, str]:
    """Run the command; its exit code, and all that it wrote."""
    line = [os.fsencode(HALFPINT), *(os.fsencode(argument) for argument in arguments)]
    result = subprocess.run(line, capture_output=True, check=False, env={**os.environ, **variables})
    return result.returncode, (result.stdout + result.stderr).decode("utf-8")


@pytest.fixture(params=NAMES, ids=repr)
def weights(request: pytest.FixtureRequest, tiny: Path, tmp_path: Path) -> Path:
    """Genuine weights under such a name."""
    path = tmp_path / os.fsdecode(request.param)
    shutil.copy(tiny, path)
    return path


@pytest.mark.one_in(2)
def test_every_command_takes_the_name_and_says_nothing_raw(weights: Path) -> None:
    out = weights.parent / os.fsdecode(b"out\xff")
    artifact = out / f"{weights.stem}.onnx"
    for arguments in (
        ("inspect", weights),
        ("estimate", weights, "--imgsz", "64"),
        ("export", "--weights", weights, "--imgsz", "64", "--out", out),
        ("verify", artifact, "--against", weights),
        ("halve", artifact),
    ):
        code, said = run(*arguments)
        assert code == 0, said
        assert not RAW.search(said), arguments[0]
    assert artifact.is_file() and (out / f"{weights.stem}.fp16.onnx").is_file()


@pytest.mark.one_in(2)
def test_errors_say_nothing_raw(weights: Path) -> None:
    missing = weights.with_name(f"no {weights.name}")
    for arguments in (
        ("inspect", missing),
        ("export", "--weights", missing),
        ("export", "--weights", weights, "--imgsz", weights.name),
        ("verify", missing, "--against", weights),
        ("halve", weights),
        (missing,),
    ):
        code, said = run(*arguments)
        assert code in (1, 2, 3) and said
        assert not RAW.search(said), arguments[0]


@pytest.mark.one_in(2)
def test_events_and_manifest_give_the_name_back(weights: Path) -> None:
    code, said = run("export", "--weights", weights, "--imgsz", "64", "--json")
    assert code == 0 and said.isascii() and not RAW.search(said)
    events = [json.loads(line) for line in said.splitlines()]
    published = next(event for event in events if event["event"] == "artifact-published")
    assert Path(published["path"]) == weights.with_suffix(".onnx")
    text = (weights.parent / f"{weights.stem}.halfpint.json").read_text(encoding="utf-8")
    manifest = json.loads(text)
    assert text.isascii() and manifest["source"]["file"] == weights.name


def test_the_command_line_of_a_job_is_harmless_and_does_the_job(weights: Path) -> None:
    line = command(ExportSpec.of(weights=weights, out=weights.parent, height=64, width=64))
    assert not RAW.search(line) and "\n" not in line
    words = subprocess.run(["bash", "-c", f"printf '%s\\0' {line}"], capture_output=True, check=True).stdout
    assert os.fsencode(weights) in words.split(b"\0")
    assert shlex.split(line)[:2] == ["halfpint", "export"]


@pytest.mark.parametrize("variables", [{"LC_ALL": "C"}, {"PYTHONIOENCODING": "ascii"}], ids=str)
def test_a_terminal_without_utf_8_is_told_in_ascii(tiny: Path, tmp_path: Path, variables: dict[str, str]) -> None:
    path = tmp_path / "größe 模型.pt"
    shutil.copy(tiny, path)
    code, said = run("inspect", path, **variables)
    assert code == 0 and "MB" in said
    if "PYTHONIOENCODING" in variables:
        assert said.isascii()


def test_the_screen_shows_such_names_and_writes_none_of_them_raw(tiny: Path, tmp_path: Path) -> None:
    for name in NAMES:
        shutil.copy(tiny, tmp_path / os.fsdecode(name))
    with terminal([str(HALFPINT), str(tmp_path)]) as t:
        t.until(r"caf\udce9.pt")
        t.until(r"a\x1b[2Jb.pt")
        t.until(r"two\nlines.pt")
        t.send("\x11")
        t.end()
        assert b"a\x1b[2Jb" not in t.written
        assert "\u202e".encode() not in t.written and "\x9b".encode() not in t.written
        assert b"caf\xe9" not in t.written
