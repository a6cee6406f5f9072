"""`halfpint measure-gpu`: what CUDA itself takes of a GPU, measured once and kept for the estimates."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from ..core.devices import GpuSampler
from ..core.memory.measure_gpu import measure_gpu
from ..core.memory.overheads import keep
from ..core.units import mebibytes
from .console import say, say_json


def run(args: argparse.Namespace) -> int:
    """Run `halfpint measure-gpu`; its exit code: 2 without such a GPU, 1 if it could not be measured."""
    sampler = GpuSampler()
    try:
        found = measure_gpu(args.device, sampler.sample())
    finally:
        sampler.close()
    kept = keep(found)
    if args.json:
        say_json(asdict(found))
        return 0
    say(f"{found.gpu}, driver {found.driver}, torch {found.torch}")
    say(f"  a CUDA context takes {mebibytes(found.context_nbytes)}")
    say(f"  libraries take {mebibytes(found.workspace_nbytes)} at most beside the tensors of two sample networks")
    say(f"kept in {kept}" if kept else "the state folder cannot be written to: it is not kept")
    return 0
