"""What is checked of a job before its weights are loaded: that its files have room, and that it fits into memory."""

from __future__ import annotations

from ..devices import free_disk
from ..errors import BadRequest, WillNotFit
from ..memory.estimate import Estimate, estimate
from ..memory.now import look
from ..memory.verdict import Fit
from ..network.network import Network
from ..network.ops import ShapeMismatch
from ..shapes import InputShape
from ..sizes import Sizes, disk_finding
from ..spec import ExportSpec


def check(spec: ExportSpec, network: Network) -> Estimate:
    """The memory that the job is predicted to need.

    Raises `BadRequest` if the files would not fit on their disk, or if the network cannot take the size, and
    `WillNotFit` if the job would not fit into memory, unless the spec forces it.
    """
    finding = disk_finding(Sizes(network).artifacts(spec), free_disk(spec.out))
    if finding is not None:
        raise BadRequest(finding.message, finding.fix)
    return check_memory(spec, network, "give a smaller size or batch, or --force to start anyway")


def check_memory(spec: ExportSpec, network: Network, fix: str) -> Estimate:
    """The memory that the job, or a verification of what it made, is predicted to need. Raises as `check` does.

    `fix`: what to do about a job that will not fit.
    """
    try:
        estimated = estimate(network, spec, look(spec.device))
    except ShapeMismatch as error:
        shape = InputShape(spec.batch, network.channels, spec.height, spec.width)
        raise BadRequest(f"the network cannot take {shape}: {error}") from error
    if estimated.fit is Fit.WILL_NOT_FIT and not spec.force:
        raise WillNotFit(estimated.verdict.sentence, fix)
    return estimated
