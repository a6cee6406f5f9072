"""The status line in words: what is worth saying now, or else what the export key would do, or why it does nothing."""

from __future__ import annotations

from .option_words import on_screen
from .session import Jobs, Session
from .widgets.lines import Line, plain


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
    return plain(f"{state}^r exports {spec.weights.name} to {names}")


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
