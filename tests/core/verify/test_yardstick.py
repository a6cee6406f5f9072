"""The yardstick is as long on every processor: what rounding makes of a network follows from the network alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from halfpint.core.precisions import FLOATS
from halfpint.core.precisions.dtype import FLOAT16, FLOAT32, DType
from halfpint.core.readings import rounding
from halfpint.core.readings.rounding import Rounding

pytestmark = pytest.mark.numbers

Array = NDArray[Any]

MEASURE = """
import json, sys
from pathlib import Path
from typing import Any
from halfpint.core.precisions import FLOATS
from halfpint.core.verify.answers import Answers
from support.checkpoints import network_of

with network_of(Path(sys.argv[1])) as network:
    answers = Answers(network)
    noises = {precision: answers.noise(precision) for precision in FLOATS}
told = {p.name: {"decisive": n.decisive, **{c: d.nrmse for c, d in n.distances.items()}} for p, n in noises.items()}
print(json.dumps(told))
"""
# What numpy has for this processor beyond what it needs at least.
FOUND = np.show_config(mode="dicts").get("SIMD Extensions", {}).get("found", [])
OLD = {"OPENBLAS_CORETYPE": "Nehalem", "NPY_DISABLE_CPU_FEATURES": " ".join(FOUND)}


def measured(checkpoint: Path, variables: Mapping[str, str]) -> dict[str, dict[str, float]]:
    """The noise of a network in each precision, as a process of its own computes it."""
    tests = str(Path(__file__).parents[2])
    environment = {**os.environ, "PYTHONPATH": tests, **variables}
    command = [sys.executable, "-c", MEASURE, str(checkpoint)]
    return json.loads(subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout)


@pytest.mark.parametrize("name", ["master-n6", "shapes-n"])
def test_an_old_processor_measures_the_same(name: str) -> None:
    """An untrained network makes a hundred times more of every rounding; yet no more than a few come out otherwise."""
    checkpoint = Path(__file__).parents[2] / "fixtures" / "yolov5" / f"{name}.pt"
    here, there = measured(checkpoint, {}), measured(checkpoint, OLD)
    for precision in FLOATS:
        assert there[precision.name] == pytest.approx(here[precision.name], rel=0.01)


@pytest.mark.parametrize(("dtype", "bits"), [(FLOAT32, 22), (FLOAT16, 11)], ids=str)
def test_sums_are_rounded_after_each_block(dtype: DType, bits: int) -> None:
    """A small product is lost in a large sum, unless it comes with others that add up."""
    product = Rounding(dtype).product
    least = np.float32(2.0 ** (1 - bits))  # one unit in the last place of 1
    a = np.zeros((1, 48), np.float32)
    a[0, 0], a[0, 16:32] = 1, least / 64  # sixteen of them are a quarter of a unit
    ones = np.ones((48, 1), np.float32)
    np.testing.assert_array_equal(product(a, ones), 1)
    a[0, 16:32] = least / 16
    np.testing.assert_array_equal(product(a, ones), 1 + least)


@pytest.mark.parametrize("products", [512, 1152, 2304, 11520])
@pytest.mark.parametrize("dtype", [FLOAT32, FLOAT16], ids=str)
def test_a_long_sum_is_rounded_less_often_and_more_coarsely(
    dtype: DType, products: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends as far off as one that is rounded after every block of 16 products."""
    random = np.random.default_rng(products)
    a, b = (random.standard_normal(shape).astype(np.float32) for shape in ((128, products), (products, 128)))
    exact = a.astype(np.float64) @ b.astype(np.float64)

    def off() -> float:
        return float(np.std(Rounding(dtype).product(a, b) - exact))

    coarse = off()
    monkeypatch.setattr(rounding, "_LEAST_ROUNDINGS", products)
    assert coarse == pytest.approx(off(), rel=0.15)
