"""TorchScript files that do harm when they are run: `verify` does not run them, whatever they are called."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import pytest
import torch

from support.jobs import names
from support.measured import measured
from support.torchscript import coded, scripted

WEIGHTS = Path(__file__).parents[1] / "fixtures/yolov5/master-n.pt"
# What no file here may take: loading torch, and several times what running such a file is allowed.
SECONDS, NBYTES = 30, 1500 * 2**20
PRECIOUS = b"sixteen letters."


class WhenRun(torch.nn.Module):
    """Overwrites a file when it is run."""

    def __init__(self, victim: Path) -> None:
        super().__init__()
        self.victim = str(victim)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        t = torch.from_file(self.victim, True, 16, dtype=torch.uint8)
        t.copy_(torch.zeros([16], dtype=torch.uint8))
        return x + t.sum().float()


class WhenLoaded(torch.nn.Module):
    """Overwrites a file when it is loaded."""

    def __init__(self, victim: Path) -> None:
        super().__init__()
        self.victim = str(victim)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x

    @torch.jit.export
    def __getstate__(self) -> tuple[str, bool]:  # pyright: ignore[reportIncompatibleMethodOverride]
        return self.victim, self.training

    @torch.jit.export
    def __setstate__(self, state: tuple[str, bool]) -> None:
        self.victim = state[0]
        t = torch.from_file(self.victim, True, 16, dtype=torch.uint8)
        t.copy_(torch.zeros([16], dtype=torch.uint8))
        self.training = bool(t.sum() > 0)


class Saving(torch.nn.Module):
    """Writes a file when it is run."""

    def __init__(self, victim: Path) -> None:
        super().__init__()
        self.victim = str(victim)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        torch.save(x, self.victim)
        return x


EVIL = {WhenRun: "torch.from_file", WhenLoaded: "__getstate__", Saving: "torch.save"}


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    path = tmp_path / "victim"
    path.write_bytes(PRECIOUS)
    return path


@pytest.mark.parametrize(
    ("kind", "name"),
    [(WhenRun, "evil.torchscript"), (WhenRun, "best.onnx"), (WhenLoaded, "evil.pt"), (Saving, "evil")],
)
def test_the_victim_stays_as_it_is_and_the_operator_is_named(
    kind: type[torch.nn.Module], name: str, victim: Path, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(scripted(kind(victim)))
    ended = measured("verify", path, "--against", WEIGHTS)
    assert ended.code == 3, ended.text
    assert EVIL[kind] in ended.text
    assert "nothing of it was run" in ended.text
    assert victim.read_bytes() == PRECIOUS
    assert set(names(tmp_path)) == {name, "victim"}


def test_these_files_do_what_they_say_where_nobody_looks(victim: Path) -> None:
    """Else the tests above would show nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.load(io.BytesIO(scripted(WhenLoaded(victim))))
        assert victim.read_bytes() == bytes(16)
        victim.write_bytes(PRECIOUS)
        torch.jit.load(io.BytesIO(scripted(WhenRun(victim))))(torch.zeros(1))
        assert victim.read_bytes() == bytes(16)


@pytest.mark.parametrize("command", ["halve", "estimate", "export"])
def test_no_other_command_takes_one(command: str, victim: Path, tmp_path: Path) -> None:
    path = tmp_path / "best.onnx"
    path.write_bytes(scripted(WhenLoaded(victim)))
    out = tmp_path / "out"
    more = {"export": ("--out", out, "--weights"), "halve": ("--out", out)}.get(command, ())
    ended = measured(command, *more, path)
    assert ended.code in (1, 3), ended.text  # export: the job failed
    assert "TorchScript" in ended.text or "__getstate__" in ended.text
    assert victim.read_bytes() == PRECIOUS
    assert not out.exists()


def test_to_inspect_one_runs_nothing(victim: Path, tmp_path: Path) -> None:
    path = tmp_path / "best.onnx"
    for module in (WhenLoaded(victim), WhenRun(victim)):
        path.write_bytes(scripted(module))
        ended = measured("inspect", path)
        assert ended.code == 0, ended.text
        assert "TorchScript" in ended.text
        assert victim.read_bytes() == PRECIOUS


# ---- code that names nothing but what networks need, and wants too much of it

LAUGHS = "def f0(x: Tensor) -> Tensor:\n  return torch.neg(x)\n" + "".join(
    f"def f{i}(x: Tensor) -> Tensor:\n  _0 = __torch__.helpers.f{i - 1}\n  return _0(_0(x, ), )\n" for i in range(1, 40)
)
ITSELF = "def f(x: Tensor) -> Tensor:\n  _0 = __torch__.helpers.f\n  return _0(x, )\n"
CODES = {
    "zeros": ("y = torch.zeros([10000000000])\nx = torch.add(x, torch.sum(y))", 3, "of memory that it may"),
    "doubling": ("for i in range(64):\n  x = torch.cat([x, x])", 3, "of memory that it may"),
    "strings": ('s = "x"\nfor i in range(64):\n  s = torch.format("{}{}", s, s)', 3, "took more than"),
    "endless": ("for i in range(1000000000000):\n  x = torch.neg(x)", 3, "2 s of processor time that it may"),
    "long": ("x = torch.neg(x)\n" * 12_000, 1, "instead of 1×"),
    "raising": ('ops.prim.RaiseException("no")', 1, "it fails at"),
    "no numbers": ("x = torch.log(torch.neg(torch.exp(x)))", 1, ""),
}


@pytest.mark.one_in(4)
@pytest.mark.parametrize("name", CODES)
def test_wanting_too_much_ends_within_limits(name: str, tmp_path: Path) -> None:
    body, code, told = CODES[name]
    _verified(coded(body), code, told, tmp_path)


def test_functions_that_call_one_another_ever_more_often(tmp_path: Path) -> None:
    _verified(coded("_0 = __torch__.helpers.f39\nx = _0(x, )", **{"__torch__/helpers.py": LAUGHS}), 3, "took", tmp_path)
    code = coded("_0 = __torch__.helpers.f\nx = _0(x, )", **{"__torch__/helpers.py": ITSELF})
    _verified(code, 3, "called recursively", tmp_path)


def _verified(data: bytes, code: int, told: str, tmp_path: Path) -> None:
    (tmp_path / "odd.torchscript").write_bytes(data)
    ended = measured("verify", tmp_path / "odd.torchscript", "--against", WEIGHTS)
    assert ended.code == code, ended.text
    assert told in ended.text
    assert "Traceback" not in ended.text
    assert ended.seconds < SECONDS
    assert ended.nbytes < NBYTES
    assert list(names(tmp_path)) == ["odd.torchscript"]
