"""The ledger: bytes that add up, and the sentence that tells why an export is twice its checkpoint."""

from __future__ import annotations

from pathlib import Path

import pytest

from halfpint.core.inspect import inspect
from halfpint.core.ledger import artifact_ledger, source_ledger
from halfpint.core.precisions import FP32
from halfpint.core.units import figure, mebibytes, megabytes, spelled_dtype


def test_every_byte_of_a_checkpoint_is_accounted_for(sample_n: Path) -> None:
    ledger = source_ledger(inspect(sample_n))
    assert ledger.nbytes == sample_n.stat().st_size
    assert "weights in FP16 3.8 MB" in ledger.explanation


def test_why_an_fp32_export_is_twice_its_checkpoint(sample_n: Path) -> None:
    ledger = artifact_ledger(inspect(sample_n), FP32, 7_505_000, 7_470_000)
    assert ledger.nbytes == 7_505_000
    assert ledger.explanation.startswith("weights 3.8 MB in FP16 → 7.5 MB in FP32; graph and metadata 0.035 MB")


@pytest.mark.parametrize(
    ("nbytes", "spelled"),
    [(184_000_000, "184 MB"), (14_664_563, "14.7 MB"), (23_456, "0.023 MB"), (456, "456 B"), (99_960_000, "100.0 MB")],
)
def test_megabytes(nbytes: int, spelled: str) -> None:
    assert megabytes(nbytes) == spelled


def test_other_units() -> None:
    assert (mebibytes(62.6 * 2**20), mebibytes(3 * 2**30)) == ("62.6 MiB", "3.0 GiB")
    assert [figure(x) for x in (230.4, 1.23, 0.00314, 2.4e-6)] == ["230", "1.2", "0.0031", "2.4e-06"]
    assert [spelled_dtype(d) for d in ("float16", "bfloat16", "int64")] == ["FP16", "BF16", "INT64"]
