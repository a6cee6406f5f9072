"""How much libraries take, fitted to whole jobs: `benchmarks/memory_fit.py` prints these figures and each target's."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Constant:
    """A figure that was fitted: MiB of libraries, copies of the FP32 weights, or parts of what is weighed in FP32."""

    name: str
    value: float


PYTHON = Constant("python", 71.2)  # MiB of Python and numpy
TWIN = Constant("twin", 4.54)  # copies of the weights while the FP32 twin is made and run, for --verify quick
TWIN_ACTIVATIONS = Constant("twin activations", 1.91)  # of the activations at the peak
REFERENCE_WEIGHTS = Constant("reference weights", 0.331)  # copies of the weights: those of a layer
# Of the reference's arrays, while a file is written and tried. (Fitted: 0.125; on a machine that does more at the same
# time, the two overlap for longer.)
REFERENCE_BESIDE = Constant("reference beside", 0.2)
# Of a detector's answer, while a file parts it, scores it class by class and suppresses: 3.3 by the shapes; yolov5n
# at 320², 640² and 1280² took 2.4 to 3.3 beyond what it takes without.
NMS_BOXES = Constant("nms boxes", 3.5)
# While a file is made on images: copies of the weights (the float32 model, what is tried, its runtime's) and parts of
# the activations (all that is looked at in one pass, and what it takes to count it). Three jobs, of yolov5n at 320² and
# of a network a quarter as large at 96×64 and 640², took 116 to 264 MiB and are met within 4 %.
QUANTISED_WEIGHTS = Constant("quantised weights", 8.5)
QUANTISED_ACTIVATIONS = Constant("quantised activations", 16.0)
CUDA = Constant("CUDA on the host", 550.0)  # MiB: its context and kernels (CUDA 13.0, an H200; ten jobs within 17 %)
