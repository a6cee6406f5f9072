"""The verification of a file that was made on images of the user: it is sound, and the proof on them judges it.

Its weights are rounded as no reference rounds them, so that they are not compared one by one.
"""

from __future__ import annotations

import time

from ..network.network import Network
from .checks import check_answers, check_file
from .checks.found import Compared, Stored
from .evidence import Evidence, Verdict
from .report import Report, Way
from .trial import Trial


def inspect_on_images(trial: Trial, network: Network) -> None:
    """Note what the file shows without being run: its constants, and what its format's checker says; close it."""
    loaded, trial.loaded = trial.loaded, None
    if loaded is None:
        return
    start = time.perf_counter()
    if loaded.ours:
        trial.inspected += check_file(Way.IMAGES, Stored(trial.subject, network, loaded.weights()))
    for found in loaded.inspections():
        trial.inspected.append(Evidence(found.name, Verdict.PASS if found.sound else Verdict.FAIL, found.message))
    loaded.close()
    trial.seconds += time.perf_counter() - start


def judge_on_images(trial: Trial) -> Report:
    """Conclude from a trial and its proof; without one, nothing is known of what the file finds."""
    checks = (*trial.checks, *trial.inspected)
    if not trial.failed:
        found = Compared(trial.subject.kind.precision, proof=trial.proof)
        checks += tuple(check_answers(Way.IMAGES, found))
        if trial.proof is None:
            label = trial.subject.kind.precision.label
            told = f"what an {label} file finds only images can tell: give some of yours with --data"
            checks += (Evidence("proof", Verdict.WARN, told),)
    return Report(Way.IMAGES, checks, (), trial.seconds, proof=trial.proof)
