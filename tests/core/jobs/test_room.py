"""When a job may begin: one at a time on the CPU, as many on a GPU as its memory will hold."""

from __future__ import annotations

from halfpint.core.devices import Gpu, GpuProcess, GpuReport
from halfpint.core.jobs.room import Running, place, room

GIB = 2**30


def report(used: int = 0, *processes: GpuProcess) -> GpuReport:
    """A GPU of 8 GiB."""
    return GpuReport((Gpu(0, "a GPU", used, 8 * GIB, processes=processes),))


def test_the_cpu_does_one_at_a_time() -> None:
    beside = [Running("cpu", 1, 0)]
    assert room("cpu", 0, [], GpuReport(), 1) == ""
    assert room("cpu", 0, beside, GpuReport(), 1) == "waits for another job on the CPU"
    assert room("cpu", 0, beside, GpuReport(), 2) == ""
    assert room("cpu", 0, [Running("0", 1, GIB)], GpuReport(), 1) == "", "one on a GPU is not in its way"


def test_a_gpu_holds_several() -> None:
    beside = [Running("0", 1, 3 * GIB)]
    assert room("0", 3 * GIB, beside, report(), 1) == ""
    assert room("0", 6 * GIB, beside, report(), 1) == "waits for 6.0 GiB on GPU 0; 5.0 GiB free"


def test_what_a_running_job_has_taken_already_counts_once() -> None:
    beside = [Running("0", 7, 3 * GIB)]
    taken = report(2 * GIB, GpuProcess(7, 2 * GIB, None))
    assert room("0", 5 * GIB, beside, taken, 1) == ""
    assert room("0", 5 * GIB + 1, beside, taken, 1) != ""


def test_it_waits_for_what_others_use() -> None:
    assert room("0", 4 * GIB, [], report(6 * GIB), 1) == "waits for 4.0 GiB on GPU 0; 2.0 GiB free"


def test_what_never_fits_begins_and_is_refused_by_the_job_itself() -> None:
    assert room("0", 9 * GIB, [], report(), 1) == ""


def test_a_gpu_that_does_not_tell_gets_one_at_a_time() -> None:
    lost = GpuReport((Gpu(0, "a GPU", problem="it fell off the bus"),))
    for silent in (lost, GpuReport()):
        assert room("0", GIB, [], silent, 1) == ""
        assert room("0", GIB, [Running("0", 1, GIB)], silent, 1) == "waits for another job on GPU 0"


def two(first: int, second: int) -> GpuReport:
    """Two GPUs of 8 and 4 GiB, of which so much is used."""
    return GpuReport((Gpu(0, "a GPU", first, 8 * GIB), Gpu(1, "a small GPU", second, 4 * GIB)))


def test_of_several_gpus_the_first_with_room() -> None:
    def need(_: str) -> int:
        return 3 * GIB

    assert place("auto", need, (), two(0, 0)) == ("0", "")
    assert place("0,1", need, (), two(6 * GIB, 0)) == ("1", "")
    assert place("1,0", need, (), two(6 * GIB, 2 * GIB)) == ("", "waits for 3.0 GiB on GPU 0; 2.0 GiB free")
    assert place("0", need, (), two(6 * GIB, 0))[0] == ""
    assert place("auto", need, (), two(0, 0), full=("0", "1")) == ("", "waits for its turn on GPU 0")


def test_a_gpu_that_is_too_small_is_not_chosen_where_another_will_do() -> None:
    assert place("auto", lambda _: 5 * GIB, (), two(6 * GIB, 0)) == ("", "waits for 5.0 GiB on GPU 0; 2.0 GiB free")


def test_without_gpus_auto_is_the_cpu() -> None:
    assert place("auto", lambda _: 0, (), GpuReport()) == ("cpu", "")
