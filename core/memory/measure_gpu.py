"""Measure what CUDA takes of a GPU beside the tensors: in a process of its own, kept for the estimates to come."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from ..devices import GpuReport
from ..errors import BadRequest, JobFailed
from .overheads import MeasuredGpu, installed_torch
from .snapshot import gpu_of

_LIMIT_SECONDS = 300.0
_FIGURES = ("context_nbytes", "workspace_nbytes")


def measure_gpu(device: str, report: GpuReport) -> MeasuredGpu:
    """Measure the GPU of an index. It is used for some seconds, and a gibibyte of it at most.

    `report`: what NVML says now. Raises `BadRequest` if there is no such GPU, `JobFailed` if torch cannot use it.
    """
    gpu = gpu_of(device, report)
    if gpu is None:
        raise BadRequest(f"there is no GPU {device} to measure: {report.problem or 'NVML does not list it'}")
    if gpu.problem:
        raise BadRequest(f"GPU {device} cannot be measured: {gpu.problem}")
    command = [sys.executable, "-P", "-m", f"{__package__}.measure_gpu_process", device]
    # NVML counts GPUs by their place on the bus; CUDA must count likewise.
    environment = {**os.environ, "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
    try:
        done = subprocess.run(
            command, capture_output=True, timeout=_LIMIT_SECONDS, env=environment, check=False, errors="replace"
        )
    except subprocess.TimeoutExpired as error:
        raise JobFailed(f"GPU {device} did not answer within {_LIMIT_SECONDS:.0f} s") from error
    return measured_gpu_of(gpu.name, report.driver, done.stdout, done.stderr)


def measured_gpu_of(gpu: str, driver: str, output: str, complaint: str) -> MeasuredGpu:
    """What the process printed, as a `MeasuredGpu`. Raises `JobFailed` for anything else than its figures."""
    try:
        figures = json.loads(output.strip().splitlines()[-1])
        values = {name: int(figures[name]) for name in _FIGURES}
    except (IndexError, KeyError, TypeError, ValueError) as error:
        reason = (complaint.strip().splitlines() or ["it printed nothing"])[-1]
        raise JobFailed(
            f"{gpu} could not be measured: {reason}", "estimates go on with the documented range"
        ) from error
    return MeasuredGpu(gpu, driver, installed_torch(), **values)
