"""Which 8-bit numbers a machine is served with, and why."""

from __future__ import annotations

from pathlib import Path

import pytest

from halfpint.core.targets.onnx.int8.instructions import cpu_flags
from halfpint.core.targets.onnx.int8.scheme import Machine, scheme_for


@pytest.mark.parametrize(
    ("flags", "weight", "told"),
    [
        (frozenset(["avx2", "avx512_vnni"]), 127, "has VNNI"),
        (frozenset(["avx2", "avx_vnni"]), 127, "has VNNI"),
        (frozenset(["avx2", "avx512f"]), 64, "has no VNNI"),
        (None, 64, "not known to have VNNI"),
    ],
)
def test_without_vnni_a_cpu_gets_seven_bits_of_weight(flags: frozenset[str] | None, weight: int, told: str) -> None:
    scheme = scheme_for(Machine.CPU, flags)
    assert (scheme.weight, scheme.dtype) == (weight, "uint8")
    assert told in scheme.reason
    # Two products of the largest numbers fit into 16 bits, where they are added up there.
    assert weight == 127 or 2 * scheme.highest * weight < 2**15


def test_other_machines_get_signed_numbers_whatever_this_one_is() -> None:
    arm, tensorrt = scheme_for(Machine.ARM, None), scheme_for(Machine.TENSORRT, None)
    assert arm.dtype == tensorrt.dtype == "int8"
    assert tensorrt.symmetric and not tensorrt.biases and not tensorrt.outputs
    assert arm.outputs and not arm.symmetric
    assert (arm.here, tensorrt.here, scheme_for(Machine.CPU, None).here) == (False, False, True)


def test_flags_are_read_as_linux_tells_them(tmp_path: Path) -> None:
    told = tmp_path / "cpuinfo"
    told.write_text("processor\t: 0\nflags\t\t: fpu avx2 avx512_vnni\n\nprocessor\t: 1\nflags\t\t: fpu\n")
    assert cpu_flags(told) == {"fpu", "avx2", "avx512_vnni"}
    assert cpu_flags(tmp_path / "none") is None
