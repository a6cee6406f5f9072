"""Jobs on a Dask cluster: a real scheduler and two real workers on this machine, one of which is killed on the way."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from halfpint.core.options import VerifyMode
from halfpint.core.precisions import FLOATS
from support.cluster import cluster, parent_of
from support.command import HALFPINT
from support.jobs import assert_listed, done, end_of, small
from support.patience import until
from support.runners import end_runners
from support.stops import environment_with_stops, stopped_at

pytest.importorskip("distributed", reason="needs halfpint[cluster]")


@pytest.fixture(autouse=True)
def runner_gone() -> Iterator[None]:
    yield
    end_runners()


def sha256s(folder: Path) -> dict[str, str]:
    """What the manifests of a folder list."""
    return {
        entry["file"]: entry["sha256"]
        for path in folder.glob("*.halfpint.json")
        for entry in json.loads(path.read_text())["artifacts"]
    }


def test_a_plan_on_a_cluster_of_which_a_worker_is_killed(tiny: Path, tmp_path: Path) -> None:
    """Its job is done by the other one, and all files are those that this machine makes itself."""
    stops, weights = tmp_path / "stops", tmp_path / "weights"
    stops.mkdir()
    weights.mkdir()
    names = ("first", "at-verify", "bad")
    for name in names[:2]:
        shutil.copy(tiny, weights / f"{name}.pt")
        (spec := small(weights / f"{name}.pt", tmp_path / "here", precisions=FLOATS, verify=VerifyMode.QUICK))
        assert end_of(done(spec)).exit_code == 0
    (weights / "bad.pt").write_bytes(b"not weights")
    with cluster(tmp_path, 2, {"PYTHONPATH": environment_with_stops(stops)}, hidden=weights) as address:
        (tmp_path / "plan.toml").write_text(f"""
            out = "there"
            imgsz = [96, 64]
            precision = ["fp32", "fp16"]
            verify = "quick"
            cluster = "{address}"
            device = "auto"
            [[export]]
            weights = {[f"weights/{name}.pt" for name in names]}
        """)
        command = [HALFPINT, "export", "--plan", tmp_path / "plan.toml", "--parallel", "3"]
        running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        until(lambda: stopped_at(stops, "verify"))
        worker = stopped_at(stops, "verify")
        os.kill(parent_of(worker), signal.SIGKILL)
        os.kill(worker, signal.SIGCONT)  # it ends, for whoever started it is gone
        out, errors = running.communicate()
    assert running.returncode == 3, errors
    assert "2 of 3 jobs are done" in out and "bad.pt is no torch checkpoint" in errors
    assert_listed(tmp_path / "there")
    assert sha256s(tmp_path / "there") == sha256s(tmp_path / "here") != {}
    for manifest in (tmp_path / "there").glob("*.halfpint.json"):
        for entry in json.loads(manifest.read_text())["artifacts"]:
            assert entry["made"]["host"] == socket.gethostname()
            assert entry["made"]["spec"]["cluster"] == address
    told = "".join(path.read_text() for path in Path(os.environ["HALFPINT_STATE"]).glob("jobs/*/events.jsonl"))
    assert "died; the job begins again on" in told
