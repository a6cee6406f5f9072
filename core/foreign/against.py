"""Verify a file that is there already, whoever made it, against the weights it should have been made from."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from ..errors import ArtifactRefused, BadRequest, WillNotFit
from ..images.source import ImageSource, open_images
from ..kinds import Kind
from ..memory.estimate import job_needs, judged
from ..memory.fit import Fit
from ..memory.now import look
from ..memory.workload import Workload
from ..network.network import Network
from ..network.ops import ShapeMismatch
from ..network.suppression import Suppression
from ..option import NOTHING_GIVEN, Values
from ..options import DATA, VerifyMode
from ..precisions import REFERENCE
from ..precisions.dtype import FLOAT32
from ..proof.marks import Album
from ..proof.pictures import pictures
from ..proof.prove import finder_of
from ..proof.trial import prove_on_trial
from ..proof.twin import seen_by_twin
from ..publication.draft import Draft
from ..readings.arithmetic import products
from ..readings.weigher import weigh
from ..sandbox.process import SaidNo
from ..shapes import InputShape
from ..targets.contract import Contract, Port, contract
from ..targets.loaded import Runner, told
from ..targets.nms import NMS
from ..verify.answers import Answers
from ..verify.full import inspect, judge, needed
from ..verify.on_images import judge_on_images
from ..verify.probes import plan
from ..verify.quick import quick_plan
from ..verify.report import Report, Way
from ..verify.subject import Subject
from ..verify.trial import Trial, on_trial
from ..weights_source import WeightsSource
from .allowances import Load
from .opened import ForeignFile, LoadedForeign
from .origins import as_published, of_these_weights


@dataclass(frozen=True)
class Images:
    """Images of the user to prove a file on: where, how many of them at most, and what loss in points is allowed.

    `pictures`: where to draw those that are most worth looking at. `overwrite`: whether these may replace what exists.
    """

    path: Path
    count: int
    most: float
    pictures: tuple[Path, ...] = ()
    overwrite: bool = False


def verify_file(artifact: Path, weights: Path, device: str = "cpu", images: Images | None = None) -> Report:
    """Verify a file fully, on images of the user too if there are any. It is opened in a sandbox, whoever made it.

    Raises `WeightsRefused` for bad weights, `BadRequest` for a missing file and for images of which none can be used,
    `ArtifactRefused` for a file that does not load or goes beyond what it may take, `WillNotFit` if memory would not
    do.
    """
    opened = None
    if images is not None:
        _check_free(images)
        opened = open_images(images.path, images.count)
    with ForeignFile(artifact, device) as file, WeightsSource(weights) as source:
        file.looked()
        for _ in source.load():
            pass
        try:
            return _verified(file, source, images, opened)
        except SaidNo as error:
            raise ArtifactRefused(f"{artifact} cannot be used as {file.target}: {told(error)}") from error


def _verified(file: ForeignFile, source: WeightsSource, asked: Images | None, images: ImageSource | None) -> Report:
    network = source.network
    if images is not None:
        finder_of(network)
    loaded = LoadedForeign(file, lambda shape: _load(network, shape))
    network = network.heads.get(loaded.origin.head, network)
    subject = _subject(file, loaded, network, source.info.facts.sizes.default)
    values = NOTHING_GIVEN.having(NMS, isinstance(subject.nms, Suppression))
    _check_memory(subject, network, values if images is None else values.having(DATA, str(images.path)))
    if subject.kind.precision.needs_images:
        return _verified_on_images(file, loaded, source, network, subject, images, asked)
    answers = Answers(network)
    try:
        answers.prepare(needed([subject], network.stride), [subject.kind.precision])
        trial = on_trial(subject, network, plan(subject, network.stride), lambda _: loaded)
        trial.checks += [*as_published(file), *of_these_weights(loaded.origin, source.sha256)]
        if images is not None and asked is not None:
            _prove(trial, images, asked, network, answers.rounded(subject.kind.precision))
        return judge(trial, answers)
    finally:
        answers.close()


def _verified_on_images(
    file: ForeignFile,
    loaded: LoadedForeign,
    source: WeightsSource,
    network: Network,
    subject: Subject,
    images: ImageSource | None,
    asked: Images | None,
) -> Report:
    """The report on a file in a precision that only images can judge."""
    trial = on_trial(subject, network, quick_plan(subject), lambda _: loaded)
    trial.checks += [*as_published(file), *of_these_weights(loaded.origin, source.sha256)]
    if images is not None and asked is not None:
        _prove(trial, images, asked, network)
    inspect(trial, network, Way.IMAGES)
    return judge_on_images(trial)


def _prove(trial: Trial, images: ImageSource, asked: Images, network: Network, rounded: Runner | None = None) -> None:
    """Add the proof to a trial, and draw what was asked for. `rounded`: what answers as rounding makes it."""
    subject = trial.subject
    by = seen_by_twin(images, network, subject.shape.size, subject.device, (subject.kind.precision,))
    album = Album(len(asked.pictures)) if asked.pictures else None
    prove_on_trial(trial, by, asked.most, album, rounded=rounded)
    if album is not None:
        for rank, _, picture in pictures(by, album, subject.paths[0].name):
            with Draft(asked.pictures[rank]) as draft:
                draft.write(picture)
                draft.publish(asked.overwrite)


def _check_free(images: Images) -> None:
    """Raises `BadRequest` if a picture would replace something that it may not."""
    for path in images.pictures:
        if os.path.lexists(path) and not images.overwrite:
            raise BadRequest(f"{path} exists already", "give --overwrite to replace it, or move it away")


def _load(network: Network, shape: InputShape) -> Load:
    """What the network itself is at a shape: a file of it takes no more. Raises `BadRequest` if it cannot take it."""
    try:
        return Load(int(weigh(network, shape.dims).file.peak_nbytes), products(network, shape.dims))
    except ShapeMismatch as error:
        raise BadRequest(f"the network of these weights cannot take {shape}: {error}") from error


def _check_memory(subject: Subject, network: Network, values: Values) -> None:
    """Raises `WillNotFit` for a file that memory would not do for."""
    now = look(subject.device, subject.paths[0].parent)
    try:
        work = workload(subject.kind, values, subject.device)
        needs = job_needs(network, work, subject.shape, now.overheads)
    except ShapeMismatch as error:
        raise BadRequest(f"the network of these weights cannot take {subject.shape}: {error}") from error
    found = judged(needs, now)
    if found.fit is Fit.WILL_NOT_FIT:
        raise WillNotFit(found.decisive.sentence, "verify it on a machine with more memory")


def workload(kind: Kind, values: Values, device: str) -> Workload:
    """What verifying a file takes as much memory as: making it with the same options.

    What is made on images takes more while it is made. It is only run to be verified, as one in floats is, and held
    against no reference but what the twin finds in the images.
    """
    if kind.precision.needs_images:
        return Workload((Kind(kind.target, REFERENCE),), values, VerifyMode.QUICK, device)
    return Workload((kind,), values, device=device)


def _subject(file: ForeignFile, loaded: LoadedForeign, network: Network, size: tuple[int, int]) -> Subject:
    """The file as a subject of verification. `size`: height and width to try it at, if it takes any and says none."""
    promised = loaded.contract if file.target.declares_sizes else _undeclared(loaded, network)
    fixed = promised.fixed_shape if promised is not None else None
    shape = fixed or loaded.origin.shape or InputShape(1, network.channels, *size)
    if min(shape.dims) < 1:
        raise ArtifactRefused(f"{file.path.name} declares an image of {shape}, which has no pixel")
    if loaded.ours and promised is not None:
        io = loaded.precision.io if promised.input.dtype == loaded.precision.io.name else FLOAT32
        promised = contract(network, shape, io, dynamic=fixed is None, nms=promised.nms)
    return Subject(file.paths, loaded.kind, shape, promised, file.device)


def _undeclared(loaded: LoadedForeign, network: Network) -> Contract | None:
    """The contract of a file that declares no sizes. Ours takes any; another's trace may take its own alone."""
    shape = loaded.origin.shape
    if loaded.ours or shape is None:
        return None
    return Contract(Port(network.input_name, FLOAT32.name, shape.dims), ())
