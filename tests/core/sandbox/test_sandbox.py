"""What a child with limits cannot do, and that whatever becomes of it is told in a sentence."""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from halfpint.core.errors import ArtifactRefused, BadRequest
from halfpint.core.sandbox import process
from halfpint.core.sandbox.process import Allowance, SaidNo, Sandbox

TESTS = Path(__file__).parents[2]
MIB = 2**20
PLENTY = Allowance(60, 1024 * MIB)
# The version of Landlock that the kernel has, or -1: without, who writes into a mapped file is not kept from it.
LANDLOCK = ctypes.CDLL(None).syscall(444, None, 0, 1)


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    monkeypatch.setenv("PYTHONPATH", str(TESTS))
    with Sandbox("support.misbehaving", "odd.onnx") as started:
        yield started


def asked(sandbox: Sandbox, question: str, allowance: Allowance = PLENTY, **arguments: Any) -> Any:
    return sandbox.ask(question, "running it", allowance, **arguments)


def test_arrays_go_there_and_back(sandbox: Sandbox) -> None:
    sent = [np.arange(6, dtype=np.float16).reshape(2, 3), np.zeros((0, 4)), np.array(True), np.ones((3, 2)).T]
    said, back = asked(sandbox, "echo", arrays=sent, limit=1000)
    assert said == {"pid": sandbox.pid}
    for one, other in zip(sent, back, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


@pytest.mark.skipif(LANDLOCK < 3, reason="the kernel has no Landlock that knows of truncation")
@pytest.mark.parametrize("question", ["overwrite", "remove"])
def test_a_file_that_is_there_stays_as_it_is(sandbox: Sandbox, tmp_path: Path, question: str) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    with pytest.raises(SaidNo, match="Permission denied"):
        asked(sandbox, question, path=str(victim))
    assert victim.read_bytes() == b"precious"


def test_no_file_is_written(sandbox: Sandbox, tmp_path: Path) -> None:
    with pytest.raises(SaidNo):
        asked(sandbox, "create", path=str(tmp_path / "new"))
    assert not any(file.stat().st_size for file in tmp_path.iterdir())


@pytest.mark.skipif(LANDLOCK < 1, reason="the kernel has no Landlock")
def test_no_program_is_started(sandbox: Sandbox) -> None:
    with pytest.raises(SaidNo, match="Permission denied"):
        asked(sandbox, "start")


def test_nobody_is_reached(sandbox: Sandbox) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, pytest.raises(SaidNo):
        asked(sandbox, "connect", port=server.getsockname()[1])


def test_memory_ends_with_a_sentence_and_the_child_goes_on(sandbox: Sandbox) -> None:
    with pytest.raises(ArtifactRefused, match=r"odd\.onnx: running it took more than the 100 MiB of memory"):
        asked(sandbox, "allocate", Allowance(60, 100 * MIB), nbytes=4096 * MIB)
    asked(sandbox, "allocate", nbytes=100 * MIB)


def test_processor_time_ends(sandbox: Sandbox) -> None:
    with pytest.raises(ArtifactRefused, match="took more than the 1 s of processor time"):
        asked(sandbox, "burn", Allowance(1, 100 * MIB))


def test_what_waits_for_ever_is_given_up(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_LEAST_SECONDS", 1.0)
    with pytest.raises(ArtifactRefused, match="running it came to no end"):
        asked(sandbox, "sleep", Allowance(0.01, 0))


def test_crashes_and_exits_are_told(sandbox: Sandbox) -> None:
    with pytest.raises(ArtifactRefused, match=r"running it crashed \(SIGSEGV\)"):
        asked(sandbox, "crash")
    with pytest.raises(ArtifactRefused, match=r"crashed \(SIGSEGV\)"):  # whatever is asked of it from then on
        asked(sandbox, "echo")


def test_an_exit_and_a_kill(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(TESTS))
    with Sandbox("support.misbehaving", "x") as child, pytest.raises(ArtifactRefused, match=r"\(exit code 7\)"):
        asked(child, "leave")
    with Sandbox("support.misbehaving", "x") as child:
        asked(child, "echo")
        os.kill(child.pid, signal.SIGKILL)
        with pytest.raises(ArtifactRefused, match="killed, as the system does when memory runs out"):
            asked(child, "echo")


def test_errors_keep_their_kind(sandbox: Sandbox) -> None:
    with pytest.raises(BadRequest, match=r"odd\.onnx: it asks for the impossible") as caught:
        asked(sandbox, "complain")
    assert caught.value.fix == "ask for less"
    with pytest.raises(SaidNo, match="the runtime says no"):
        asked(sandbox, "fail")


def test_what_libraries_print_is_in_nobodys_way(sandbox: Sandbox) -> None:
    asked(sandbox, "chatter")
    assert asked(sandbox, "echo")[0] == {"pid": sandbox.pid}


@pytest.mark.parametrize(
    "said",
    [
        {"text": "{}"},
        {"text": "nonsense"},
        {"text": "[" * 100_000},
        {"text": "", "length": 2**32 - 1},
        {"text": '{"answer": {}, "arrays": [["float32", [1000000, 1000000]]]}'},
        {"text": '{"answer": {}, "arrays": [["object", [1]]]}'},
        {"text": '{"answer": {}, "arrays": [["float32", [-1]]]}'},
        {"text": '{"answer": 1, "arrays": []}'},
    ],
)
def test_lies_are_not_believed(sandbox: Sandbox, said: dict[str, Any]) -> None:
    with pytest.raises(ArtifactRefused, match="running it gave"):
        asked(sandbox, "lie", limit=1000, **said)


def test_it_dies_with_its_parent() -> None:
    code = (
        "import os, signal\n"
        "from halfpint.core.sandbox.process import Allowance, Sandbox\n"
        "child = Sandbox('support.misbehaving', 'x')\n"
        "child.ask('echo', 'x', Allowance(60, 2**30))\n"
        "child.begin('sleep', Allowance(60, 2**30))\n"
        "print(child.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    env = {**os.environ, "PYTHONPATH": str(TESTS)}
    result = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)
    assert result.returncode == -signal.SIGKILL
    (pid,) = re.findall(r"\d+", result.stdout)
    if psutil.pid_exists(int(pid)):
        with contextlib.suppress(psutil.NoSuchProcess):
            psutil.Process(int(pid)).wait(30)
