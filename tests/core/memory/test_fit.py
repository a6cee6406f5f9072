"""Whether it fits: from bytes alone, and never a false alarm."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from halfpint.core.memory.fit import SEVERITY, Fit, Memory, fit_in, fit_of, worst
from halfpint.core.memory.need import Need, Term, exact

MIB = 2**20
nbytes = st.integers(0, 2**40)


@st.composite
def needs(draw: st.DrawFn) -> Need:
    terms = draw(st.lists(st.tuples(nbytes, nbytes), min_size=1, max_size=5))
    return Need(tuple(Term("term", min(pair), max(pair)) for pair in terms))


@given(needs(), nbytes)
def test_the_verdict_is_a_matter_of_what_is_free(need: Need, free: int) -> None:
    found = fit_in(need, Memory("GPU 0", free, 2**41)).fit
    assert (found is Fit.WILL_NOT_FIT) == (need.low > free)
    assert (found is Fit.FITS) == (need.high <= free)
    assert (found is Fit.TIGHT) == (need.low <= free < need.high)


@given(needs(), nbytes, nbytes)
def test_more_free_memory_is_never_worse(need: Need, free: int, more: int) -> None:
    before, after = (fit_of(int(need.low), int(need.high), bytes) for bytes in (free, free + more))
    assert SEVERITY.index(after) <= SEVERITY.index(before)


@given(needs())
def test_without_a_figure_there_is_no_verdict(need: Need) -> None:
    found = fit_in(need, Memory("GPU 0", None, 0, "No NVIDIA driver is installed here."))
    assert found.fit is Fit.UNKNOWN
    assert "No NVIDIA driver" in found.sentence


def test_the_worst_decides() -> None:
    assert worst([Fit.FITS, Fit.TIGHT]) is Fit.TIGHT
    assert worst([Fit.UNKNOWN, Fit.TIGHT]) is Fit.UNKNOWN
    assert worst([Fit.UNKNOWN, Fit.WILL_NOT_FIT]) is Fit.WILL_NOT_FIT


def test_sentences() -> None:
    memory = Memory("GPU 1", 200 * MIB, 1024 * MIB)
    assert memory.used == 824 * MIB
    exactly = fit_in(Need((exact("weights", 30 * MIB),)), memory)
    assert exactly.sentence == "FITS: needs 30.0 MiB, 200.0 MiB of GPU 1 are free"
    between = fit_in(Need((exact("weights", 30 * MIB), Term("context", 250 * MIB, 650 * MIB))), memory)
    assert between.sentence == "WILL NOT FIT: needs 280.0 MiB to 680.0 MiB, 200.0 MiB of GPU 1 are free"
