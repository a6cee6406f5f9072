"""How much each step on a file of others may take: derived from its bytes and from what its network computes.

Bounds, not predictions: far from what a right file takes on a slow machine, near enough that a wrong one ends soon.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..kinds import Kind
from ..sandbox.process import Allowance
from ..shapes import InputShape
from ..targets.budget import AT_ONCE

_MIB = 2**20
# Of reading a file as data: 2 s and 0.2 s a megabyte, 200 MiB and 8 times the file.
_SECONDS, _SECONDS_A_MB, _READ_NBYTES, _READ_COPIES = 2.0, 0.2, 200 * _MIB, 8
# ONNX Runtime holds a model three times while it loads it, and once more for each session; torch twice.
_LOAD_NBYTES, _LOAD_COPIES = 192 * _MIB, 10
# A run on a CPU takes 1.3 to 1.5 times its activations (`memory/job.py`); convolutions allocate inside of themselves.
_RUN_NBYTES, _RUN_COPIES, _RUN_ACTIVATIONS = 192 * _MIB, 2, 8
# Multiplications a second: one core of a machine of 2015 does ten times as many. Some files are forty times slower on a
# CPU (`Target.slow_on_cpu`).
_PRODUCTS_A_SECOND, _SLOW_PRODUCTS_A_SECOND = 1e9, 5e7
# A step of quantising makes so many models at most (two tensors by four methods each, and some) for so many images.
_QUANTISED, _IMAGES = 12, 9
_MAPS = 512  # of an image's own size that are alive at a time: no network for images has as many
# Importing a runtime is nothing that the file could change.
START = Allowance(600.0, 16 * 2**30)


@dataclass(frozen=True)
class Load:
    """What a run is: bytes that are alive at its peak, and multiplications."""

    peak: int
    products: int


def unweighed(file: int, shape: InputShape) -> Load:
    """A bound on a run of a file whose shapes are not known: each byte is a weight that multiplies each pixel once."""
    pixels = shape.batch * shape.height * shape.width
    return Load(4 * _MAPS * pixels, file * pixels)


def reading(file: int) -> Allowance:
    """For looking at a file of so many bytes, and for the format's own checker."""
    return Allowance(_SECONDS + _SECONDS_A_MB * file / 1e6, _READ_NBYTES + _READ_COPIES * file)


def loading(file: int) -> Allowance:
    """For loading it into its runtime."""
    return Allowance(_SECONDS + _SECONDS_A_MB * file / 1e6, _LOAD_NBYTES + _LOAD_COPIES * file)


def running(file: int, load: Load, kind: Kind) -> Allowance:
    """For one run."""
    return _running(file, load, _SLOW_PRODUCTS_A_SECOND if kind.slow_on_cpu else _PRODUCTS_A_SECOND)


def _running(file: int, load: Load, products_a_second: float) -> Allowance:
    seconds = load.products / products_a_second
    return Allowance(_SECONDS + seconds, _RUN_NBYTES + _RUN_COPIES * file + _RUN_ACTIVATIONS * load.peak)


def halving(file: int, load: Load) -> Allowance:
    """For halving a model, loading both files and one that shows what flows through it, and nine runs of these."""
    loads, once = loading(file), _running(file, load, _PRODUCTS_A_SECOND)
    seconds = loads.seconds + 9 * load.products / _PRODUCTS_A_SECOND
    return Allowance(seconds, 3 * loads.nbytes + 2 * once.nbytes)


def quantising(file: int, load: Load) -> Allowance:
    """For one step of quantising a model: a few files made of it, and each run on some images."""
    loads, once = loading(file), _running(file, load, _PRODUCTS_A_SECOND)
    seconds = _QUANTISED * (loads.seconds + _IMAGES * load.products / _PRODUCTS_A_SECOND)
    # What is gathered in one pass over an image, and three numbers of 8 bytes for each of 4 while it is counted.
    return Allowance(seconds, 4 * loads.nbytes + 2 * once.nbytes + 7 * max(AT_ONCE, load.peak))
