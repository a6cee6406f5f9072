"""The status line in words: what is worth saying now, or else what the export key would do, or why it does nothing."""

from __future__ import annotations

from .session import Session
from .widgets.lines import Line, plain


def status_line(session: Session) -> Line:
    """The line above the keys."""
    if session.notice is not None:
        return plain(session.notice.text, session.notice.kind)
    jobs = session.jobs
    waiting = f", {len(jobs.waiting)} wait" if jobs.waiting else ""
    state = f"job #{jobs.running.number} runs{waiting} · " if jobs.running else ""
    spec, obstacle = session.spec, session.obstacle
    if spec is None or obstacle:
        return plain(f"{state}no export: {obstacle}", "warning")
    names = ", ".join(spec.path(kind).name for kind in spec.kinds)
    return plain(f"{state}^r exports {spec.weights.name} to {names}")
