"""What is checked of a job before its weights are loaded: that its files will have room."""

from __future__ import annotations

from ..devices import free_disk
from ..errors import BadRequest
from ..network.network import Network
from ..sizes import Sizes, disk_finding
from .spec import ExportSpec


def check(spec: ExportSpec, network: Network) -> None:
    """Raises `BadRequest` for a job whose files would not fit on their disk, or whose size the network cannot take."""
    finding = disk_finding(Sizes(network).artifacts(spec), free_disk(spec.out))
    if finding is not None:
        raise BadRequest(finding.message, finding.fix)
