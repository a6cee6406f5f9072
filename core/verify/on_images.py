"""The verification of a file that was made on images of the user: it is sound, and the proof on them judges it.

Its weights are rounded as no reference rounds them, so that they are not compared one by one.
"""

from __future__ import annotations

from .checks import check_answers
from .checks.found import Compared
from .evidence import Evidence, Verdict
from .report import Report, Way
from .trial import Trial


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
