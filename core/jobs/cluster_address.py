"""The address of a Dask cluster: what it may be, what is to be said of it, and which jobs it can be sent."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from importlib.util import find_spec
from urllib.parse import urlsplit

from ..errors import BadRequest
from ..option import FilePath
from ..options import CLUSTER, DATA, rows
from ..spec import ExportSpec

_INSTALL = "pip install 'halfpint[cluster]'"


def check(address: str, has: Callable[[str], object] = find_spec) -> None:
    """Raises `BadRequest` for what is no address of a cluster, or if what speaks to clusters is not installed."""
    try:
        parts = urlsplit(address)
        whole = parts.scheme in ("tcp", "tls") and parts.hostname and parts.port is not None
    except ValueError:
        whole = False
    if not whole:
        raise BadRequest(f"{address!r:.80} is no address of a Dask cluster", "give tcp://HOST:PORT or tls://HOST:PORT")
    if has("distributed") is None:
        raise BadRequest("a cluster needs Dask's package distributed, which is not installed", _INSTALL)


def check_portable(spec: ExportSpec) -> None:
    """Raises `BadRequest` for what a job cannot have that runs on another machine."""
    check(spec.policy[CLUSTER])
    if spec.weights.is_dir():
        raise BadRequest(f"{spec.weights} is a folder, and a cluster is sent files", "name the weights file in it")
    for row in rows():
        if isinstance(row.kind, FilePath) and row is not DATA and spec.values[row]:
            raise BadRequest(f"{row.flag} would be written where the job runs", f"leave it out with {CLUSTER.flag}")


def warning(address: str) -> str:
    """What is risky about it; empty if nothing is.

    A scheduler runs what anyone sends it who can reach its port, and nobody checks who answers a plain connection.
    """
    parts = urlsplit(address)
    if parts.scheme == "tls" or _is_this_machine(parts.hostname or ""):
        return ""
    port = parts.port or 8786
    return (
        f"{address} is neither encrypted nor authenticated: whoever reaches that port, or answers in its place, runs "
        "any code on the cluster and here. Use tls:// with certificates of your own, or an SSH tunnel: "
        f"ssh -L {port}:localhost:{port} {parts.hostname}, then tcp://localhost:{port}"
    )


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
