"""The status line in words: what is worth saying now, or else what the export key would do, or why it does nothing."""

from __future__ import annotations

from ..core.device_names import CPU
from ..core.options import DEVICE
from .option_words import on_screen
from .path_text import below, shortened
from .session import Jobs, Session
from .widgets.lines import Line, plain

_WEIGHTS = 40  # cells for the path of the weights


def status_line(session: Session) -> Line:
    """The line above the keys."""
    if session.notice is not None:
        return plain(on_screen(session.notice.text), session.notice.kind)
    jobs = in_words(session.jobs)
    state = f"{jobs} · " if jobs else ""
    if session.marked:
        count = len(session.marked)
        return plain(f"{state}^r exports the {f'{count} marked files' if count > 1 else 'marked file'}, a job each")
    spec, obstacle = session.spec, session.obstacle
    if spec is None or obstacle:
        return plain(f"{state}no export: {on_screen(obstacle)}", "warning")
    names = ", ".join(spec.path(kind).name for kind in spec.kinds)
    called = shortened(below(str(spec.weights), str(session.search.start)), _WEIGHTS)
    text = (f"{state}^r exports {called} to {names}", "")
    plan = session.plan  # while a person types, one of a moment ago: it would come and go with every key
    if plan is None or plan.fit is None:
        return (text,)
    from .fit_kinds import FIT_KINDS  # with the first plan: the screen is painted before

    fit = plan.fit.fit
    return ((str(fit), FIT_KINDS[fit]), (f" {where(session)} · ", ""), text)


def where(session: Session) -> str:
    """The device of the job: `on the CPU`, `on GPU 0`."""
    device = session.choices[DEVICE]
    if device.isdecimal():
        return f"on GPU {device}"
    return "on the CPU" if device == CPU else f"on {device}"


def in_words(jobs: Jobs) -> str:
    """Which jobs run and how many wait; empty if there are none."""
    told: list[str] = []
    if len(jobs.running) == 1:
        told.append(f"job #{jobs.running[0].number} runs")
    elif jobs.running:
        told.append(f"{len(jobs.running)} jobs run")
    if jobs.waiting:
        told.append(f"{len(jobs.waiting)} wait" + ("s" if len(jobs.waiting) == 1 else ""))
    return ", ".join(told)
