"""What a worker finds in its environment."""

from __future__ import annotations

import os
from collections.abc import Mapping

from ..heap import ONE_HEAP


def environment() -> Mapping[str, str]:
    """The worker's environment: this one, with threads that sleep rather than spin, and one heap.

    OpenBLAS's threads spin, beside ONNX Runtime and the writing of files; the reference has threads of its own
    (`readings/threads.py`, which keeps OpenBLAS's off in other processes too). GPUs are counted by their place on the
    bus, as NVML counts them.
    """
    quiet = {"OPENBLAS_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
    return {**quiet, **ONE_HEAP, "CUDA_DEVICE_ORDER": "PCI_BUS_ID", **os.environ}
