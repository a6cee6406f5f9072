"""What a job needs in host memory: the largest of its stages, each a sum of what is there at the same time.

What is there follows from the workload and the network; how much of it a library really takes is measured, and fitted
(`fitted.py`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from ..images.probes import small_probes
from ..kinds import Kind
from ..network.network import Network
from ..network.ops import Dim, Shape, numel
from ..options import DATA, VerifyMode
from ..precisions import REFERENCE
from ..readings.reference_weigher import reference_peak
from ..readings.weigher import weigh
from ..targets import default_target
from .fitted import (
    CUDA,
    NMS_BOXES,
    PYTHON,
    QUANTISED_ACTIVATIONS,
    QUANTISED_WEIGHTS,
    REFERENCE_BESIDE,
    REFERENCE_WEIGHTS,
    TWIN,
    TWIN_ACTIVATIONS,
    Constant,
)
from .need import Need, Term, larger, smaller
from .workload import Workload

_MIB = 2**20
# Between what was predicted and what was measured; `benchmarks/memory_fit.py` tells how far it really was.
SPREAD = Fraction(1, 5)
# Small images go through the reference at the same time: five in float64, and three in each of two precisions, whose
# arrays are half as large.
_TOGETHER = 8
_LEAST_PYTHON = 30 * _MIB  # a worker with nothing read yet: 35 MiB
# Kernels allocate inside operations, beyond what is weighed, and may also reuse more: a half is taken as the least.
_LEAST_RUN = 2
# Runtimes compute these in one step in FP16 too; the others they may take apart, and keep what each step makes.
_WHOLE_IN_FP16 = frozenset({"silu", "relu", "sigmoid"})


@dataclass(frozen=True)
class Weighed:
    """What a job's needs follow from, in bytes of FP32; numbers, or arrays for many sizes at once.

    `batch`: activations of the batch at the peak, with the images; `answers`: to the batch; `exact`: the reference's
    answers to the images of it that are compared; `reference`: what the reference holds at its peak for one
    image, and `small` the same for the small test images, which it takes together. `taken_apart`: whether a
    runtime may take an activation apart in FP16.
    """

    weights: int
    batch: Dim
    image: Dim
    answers: Dim
    exact: Dim
    reference: Dim
    small: Dim
    taken_apart: bool


@dataclass(frozen=True)
class Part:
    """Something that is there during a stage: `amount` bytes, of which as many copies as `constant` says."""

    name: str
    amount: Dim
    constant: Constant | None = None

    @property
    def nbytes(self) -> Dim:
        """In bytes, by the constants that were fitted."""
        return self.amount if self.constant is None else _times(self.amount, self.constant.value)


@dataclass(frozen=True)
class JobStage:
    """A stage of a job for one of its files, and all that is there at its peak."""

    name: str
    kind: Kind
    parts: tuple[Part, ...]

    @property
    def nbytes(self) -> Dim:
        """What is there, in bytes."""
        total: Dim = 0
        for part in self.parts:
            total = total + part.nbytes
        return total


def weighed(network: Network, dims: Shape) -> Weighed:
    """Weigh N×C×H×W in FP32. Dimensions may be arrays. Raises `ShapeMismatch`."""
    batch = weigh(network, dims)
    weights = batch.weights_nbytes
    answers: Dim = 0
    for shape in batch.outputs:
        answers = answers + numel(shape) * 4
    largest = max(small_probes(network.channels, network.stride), key=lambda probe: probe.shape.area)
    small = _TOGETHER * reference_peak(network, (1, *largest.shape.dims[1:]))
    return Weighed(
        weights=weights,
        batch=batch.file.peak_nbytes - weights,
        image=numel(dims) * 4,
        answers=answers,
        exact=answers // dims[0] * smaller(dims[0], 2),  # the first and the last image
        # In float32, which takes half of float64's room; a size that float64 takes on is one of the small ones' order.
        reference=larger(reference_peak(network, (1, *dims[1:])) // 2, small),
        small=small,
        taken_apart=not batch.activations <= _WHOLE_IN_FP16,
    )


def host_need(work: Workload, sizes: Weighed, at_size: Collection[Kind]) -> Need:
    """What a job needs in host memory, wherever its files run. `at_size`: the files that are tried at these sizes."""
    stages = list(job_stages(work, sizes, at_size))
    most: Dim = 0
    for stage in stages:
        most = larger(most, stage.nbytes)
    if isinstance(most, int):
        peak = max(stages, key=lambda stage: int(stage.nbytes))
        note = f"at its peak, to {peak.name} {peak.kind}"
        terms = tuple(Term(name, nbytes, nbytes) for name, nbytes in _by_name(peak.parts).items() if int(nbytes))
        terms = (replace(terms[0], note=note), *terms[1:])
    else:
        terms = (Term("the job", most, most),)
    return Need(terms, SPREAD, _least(work, sizes, at_size))


def _by_name(parts: Sequence[Part]) -> Mapping[str, Dim]:
    """The bytes of the parts of each name together."""
    found: dict[str, Dim] = {}
    for part in parts:
        found[part.name] = found.get(part.name, 0) + part.nbytes
    return found


def job_stages(work: Workload, sizes: Weighed, at_size: Collection[Kind]) -> Iterator[JobStage]:
    """The stages that may be a job's largest, in their order: its files are written and tried, then judged.

    `at_size`: the files that are tried at these sizes; the others are tried on small images alone.
    """
    full = work.verify is VerifyMode.FULL
    reference = sizes.reference if at_size else sizes.small
    common = [*_libraries(work)]  # the network's weights lie on disk
    if full:
        common += [
            Part("the reference's weights", sizes.weights, REFERENCE_WEIGHTS),
            Part("the reference's answers", sizes.exact if at_size else 0),
        ]
    beside = [Part("the reference's arrays", reference, REFERENCE_BESIDE)] if full else []
    answers: Dim = 0
    found = Part("things, on their way out of the user's images", sizes.answers, NMS_BOXES)
    if work.values[DATA]:
        yield JobStage(
            "see images with", Kind(default_target(), REFERENCE), (*common, *beside, *_twin(sizes, work), found)
        )
    for kind in work.kinds:
        held = Part("answers to be judged", answers)
        if kind.target.memory.write:
            constant = Constant(f"{kind.target} write", kind.target.memory.write)
            written = Part("the weights as they are written", sizes.weights, constant)
            yield JobStage("write", kind, (*common, held, *beside, written))
        if kind.precision.needs_images:
            tried = Part("models that are tried", sizes.weights, QUANTISED_WEIGHTS)
            counted = Part("activations that are counted", sizes.batch, QUANTISED_ACTIVATIONS)
            yield JobStage("quantise", kind, (*common, held, *beside, tried, counted))
        if kind in at_size:
            answers = answers + sizes.answers
        held = Part("answers to be judged", answers)
        yield JobStage("run", kind, (*common, held, *beside, *_tried(kind, sizes, work, kind in at_size)))
        for change in kind.target.passes(work.values):
            part = Part(change.process, change.base_nbytes + _times(sizes.weights, change.copies))
            yield JobStage(change.name, kind, (*common, held, *beside, part))
        if work.values[DATA]:
            yield JobStage("prove", kind, (*common, held, *beside, *_tried(kind, sizes, work, True), found))
    held = Part("answers to be judged", answers)
    for kind in work.kinds:
        if full:
            yield JobStage("judge", kind, (*common, held, Part("the reference's arrays", reference)))
        elif kind.precision != REFERENCE and Kind(kind.target, REFERENCE) not in work.kinds:
            yield JobStage("judge", kind, (*common, held, *_twin(sizes, work, kind)))


def _libraries(work: Workload) -> Iterator[Part]:
    name = "Python and its libraries"
    yield Part(name, _MIB, PYTHON)
    seeing = (default_target(),) if work.values[DATA] else ()
    for target in dict.fromkeys((*work.targets, *seeing)):
        yield Part(name, _MIB, Constant(f"{target} libraries", target.memory.libraries))
    if any(map(work.on_gpu, work.kinds)):
        yield Part(name, _MIB, CUDA)


def _tried(kind: Kind, sizes: Weighed, work: Workload, at_size: bool) -> tuple[Part, ...]:
    memory = kind.target.memory
    weights = Part("the file on trial", sizes.weights, Constant(f"{kind.target} run", memory.run))
    if not at_size:
        return (weights,)
    if work.on_gpu(kind):
        return (weights, Part(f"images; activations are on GPU {work.device}", sizes.image))
    constant = Constant(f"{kind.target} activations", memory.activations)
    tail = [Part("boxes, on their way to detections", sizes.answers, NMS_BOXES)] if work.suppresses(kind) else []
    if kind.precision != REFERENCE and sizes.taken_apart and memory.taken_apart:
        constant = Constant(f"{kind.target} activations taken apart", memory.taken_apart)
    return (weights, Part("its activations", sizes.batch, constant), *tail)


def _twin(sizes: Weighed, work: Workload, kind: Kind | None = None) -> tuple[Part, ...]:
    """The twin of a file in the reference precision; of none, that which sees the user's images."""
    kind = kind or Kind(default_target(), REFERENCE)
    weights = Part(f"the {REFERENCE.label} twin", sizes.weights, TWIN)
    activations = Part("its activations", sizes.batch, TWIN_ACTIVATIONS)
    return (weights, Part("images", sizes.image)) if work.on_gpu(kind) else (weights, activations)


def _least(work: Workload, sizes: Weighed, at_size: Collection[Kind]) -> Dim:
    """What is certainly there at the same time, in bytes."""
    libraries = _LEAST_PYTHON + sum(_times(_MIB, target.memory.least) for target in work.targets)
    running = sizes.batch // _LEAST_RUN if not all(map(work.on_gpu, at_size)) else 0
    if work.verify is VerifyMode.QUICK:
        return libraries + sizes.weights + running
    # The reference and the runtime may take turns.
    return libraries + sizes.weights + larger(running, sizes.reference if at_size else sizes.small)


def _times(amount: Dim, factor: float) -> Dim:
    """An amount of bytes times a factor, in whole bytes."""
    return amount * round(factor * 1000) // 1000
