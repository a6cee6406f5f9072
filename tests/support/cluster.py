"""A Dask cluster on this machine: a real scheduler and real workers, each a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from support.patience import until


@contextmanager
def cluster(folder: Path, workers: int, environment: Mapping[str, str], hidden: Path) -> Iterator[str]:
    """Within, there is a cluster at this address, whose workers declare the memory of a GPU and keep files in `folder`.

    `hidden`: a folder that they do not see, where this process may take it from them, as if they ran elsewhere.
    """
    scheduler_file = folder / "scheduler.json"
    common = ("--scheduler-file", str(scheduler_file), "--no-dashboard")
    variables = {**os.environ, **environment}
    elsewhere = ("unshare", "-m", "sh", "-c", 'mount -t tmpfs none "$0" && exec "$@"', str(hidden))
    if subprocess.run([*elsewhere, "true"], capture_output=True, check=False).returncode:
        elsewhere = ()
    started: list[subprocess.Popen[bytes]] = []

    def start(*arguments: str) -> None:
        with (folder / f"{len(started)}.log").open("wb") as log:
            command = [*elsewhere, sys.executable, "-m", "dask", *arguments]
            started.append(subprocess.Popen(command, env=variables, stdout=log, stderr=log))

    try:
        start("scheduler", *common, "--host", "127.0.0.1", "--port", "0")
        until(scheduler_file.exists)
        for number in range(workers):
            own = ("--local-directory", str(folder / str(number)), "--resources", "GPU_MEMORY=24e9")
            start("worker", *common, "--no-nanny", "--nthreads", "1", "--host", "127.0.0.1", *own)
        until(lambda: "address" in scheduler_file.read_text())
        yield json.loads(scheduler_file.read_text())["address"]
    finally:
        for process in started[::-1]:
            process.kill()
            process.wait()


def parent_of(pid: int) -> int:
    """The process that started another one."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
