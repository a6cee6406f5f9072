"""What a job needs in host memory: its weights, the float64 reference, the files as they are written and tried.

The measured figures are peak resident memory of whole jobs (sample yolov5s and a yolov5n of a tenth of its width,
at 64×64, 640×640, 1536×320 and a batch of four; every format and precision, both ways to verify) on Linux, two
cores, Python 3.11, numpy 2.4, ONNX Runtime 1.31, torch 2.13.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..formats import Format, Kind
from ..jobs.spec import ExportSpec, VerifyMode
from ..network.network import Network
from ..network.ops import Dim, Shape, numel
from ..readings.weigher import weigh
from ..shapes import InputShape
from ..verify.probes import small_probes, too_slow
from .need import Need, Term, larger

_MIB = 2**20
# A worker with nothing read yet: 35 MiB; with numpy and ONNX Runtime 90; torch adds 175 to 235, FP16 kernels
# included; what its CUDA libraries add has not been measured.
_PYTHON = (30 * _MIB, 40 * _MIB)
_ONNX = (20 * _MIB, 50 * _MIB)
_TORCH = (100 * _MIB, 240 * _MIB)
# Copies of the FP32 weights at the worst moment: 5.0 with --verify quick and 9.7 with the reference (its float64
# weights are two, its rounded ones one), the first artifact included; each further one adds 1.5 to 2.
_COPIES_QUICK, _COPIES_FULL, _COPIES_MORE = 5, 10, 2
_LEAST_COPIES_QUICK, _LEAST_COPIES_FULL = 1, 3
# The reference's arrays, next to the FP32 activations of one image: at least 2.0 times (they are float64), with the
# padding and windows of numpy's convolutions up to 2.82 times and 2.7 MiB (nine networks, five sizes).
_REFERENCE_LEAST, _REFERENCE_MOST, _REFERENCE_BUFFERS = 2, 3, 4 * _MIB
# onnxsim's own process, started for the weights of one file at a time: 143 and 236 MiB for the two networks.
_ONNXSIM, _ONNXSIM_COPIES = 140 * _MIB, 5
# What a runtime holds for a batch on a CPU, next to its FP32 activations: 1.27 to 1.52 times, kept until its file is
# judged. Kernels allocate inside operations, beyond what is weighed; half is taken as the least.
_RUNTIME_MOST, _RUNTIME_LEAST = (8, 5), (1, 2)  # numerator, denominator


@dataclass(frozen=True)
class Weighed:
    """What a job's needs follow from, in bytes of FP32; numbers, or arrays for many sizes at once.

    `one`: activations of one image at the peak, with the image; `batch`: the same for the batch.
    """

    weights: int
    one: Dim
    batch: Dim
    image: Dim


def weighed(network: Network, dims: Shape) -> Weighed:
    """Weigh N×C×H×W in FP32. Dimensions may be arrays. Raises `ShapeMismatch`."""
    batch = weigh(network, dims)
    one = batch if isinstance(dims[0], int) and dims[0] == 1 else weigh(network, (1, *dims[1:]))
    weights = batch.weights_nbytes
    return Weighed(weights, one.file.peak_nbytes - weights, batch.file.peak_nbytes - weights, numel(dims) * 4)


def host_need(spec: ExportSpec, network: Network, sizes: Weighed) -> Need:
    """What the job needs in host memory, wherever its files run. `sizes`: of the spec's shape."""
    kinds = spec.kinds
    full = spec.verify is VerifyMode.FULL
    copies = (_COPIES_FULL if full else _COPIES_QUICK) + _COPIES_MORE * (len(kinds) - 1)
    least = _LEAST_COPIES_FULL if full else _LEAST_COPIES_QUICK
    terms = [
        _libraries(kinds),
        Term("weights, in all their copies", least * sizes.weights, copies * sizes.weights, "margin measured"),
    ]
    shape = InputShape(spec.batch, network.channels, spec.height, spec.width)
    tried = [kind for kind in kinds if not too_slow(kind, shape, spec.device)]
    if not tried:
        sizes = weighed(network, small_probes(network.channels, network.stride)[0].shape.dims)
    runs = max(1, len(tried)) if spec.device == "cpu" else 0
    reference = _REFERENCE_LEAST * sizes.one if full else 0
    running = _part(sizes.batch, _RUNTIME_LEAST) if runs else sizes.image
    if full:
        high = _REFERENCE_MOST * sizes.one + _REFERENCE_BUFFERS
        terms.append(Term("float64 reference", reference, high, "margin measured"))
    where = "margin measured" if runs else f"the files run on GPU {spec.device}"
    # The reference and the runtime take turns at worst: the least is the larger of the two, told with the first.
    beyond = larger(running - reference, 0)
    most = sizes.image + _part(sizes.batch, _RUNTIME_MOST) * runs
    terms.append(Term("files on trial", beyond, most, where))
    if spec.simplify:
        simplifier = _ONNXSIM + _ONNXSIM_COPIES * sizes.weights
        terms.append(Term("onnxsim, in a process of its own", 0, simplifier, "margin measured"))
    return Need(tuple(terms))


def _libraries(kinds: tuple[Kind, ...]) -> Term:
    formats = {kind.format for kind in kinds}
    low, high = _PYTHON
    if Format.ONNX in formats:
        low, high = low + _ONNX[0], high + _ONNX[1]
    if Format.TORCHSCRIPT in formats:
        low, high = low + _TORCH[0], high + _TORCH[1]
    return Term("Python and its libraries", low, high, "measured")


def _part(nbytes: Dim, fraction: tuple[int, int]) -> Dim:
    numerator, denominator = fraction
    return nbytes * numerator // denominator
