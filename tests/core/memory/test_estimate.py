"""A job's estimate: the run, its needs on host and GPU, and the verdict on what is free now."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from halfpint.core.devices import Gpu, GpuReport, HostMemory
from halfpint.core.foreign.against import workload
from halfpint.core.kinds import Kind
from halfpint.core.memory.estimate import JobFit, JobNeeds, job_needs, judged, memory_finding
from halfpint.core.memory.fit import Fit, Memory
from halfpint.core.memory.fitmap import default_sides, fit_map, largest_batch, largest_square
from halfpint.core.memory.overheads import MeasuredGpu
from halfpint.core.memory.run import gpu_need, many_gpu_needs, run
from halfpint.core.memory.snapshot import Snapshot, snapshot
from halfpint.core.memory.workload import Workload
from halfpint.core.network.network import Network
from halfpint.core.network.ops import ShapeMismatch
from halfpint.core.option import NOTHING_GIVEN
from halfpint.core.options import DATA, VerifyMode
from halfpint.core.precisions import FLOATS, FP16, FP32, INT8, Precision
from halfpint.core.shapes import InputShape, Level
from halfpint.core.spec import ExportSpec
from support.checkpoints import network_of
from support.targets import BOTH, ONNX, TORCHSCRIPT

MIB, GIB = 2**20, 2**30
TINY = Path(__file__).parents[2] / "fixtures" / "yolov5" / "master-n.pt"
HOST = HostMemory(64 * GIB, 48 * GIB)


@cache
def tiny_network() -> Network:
    with network_of(TINY) as network:
        return network


@pytest.fixture(name="network")
def network_fixture() -> Network:
    return tiny_network()


def spec(**more: object) -> ExportSpec:
    return ExportSpec.of(TINY, Path("/out"), **{"height": 1536, "width": 320, **more})  # pyright: ignore


def needed(network: Network, spec: ExportSpec, now: Snapshot) -> JobNeeds:
    shape = InputShape(spec.batch, network.channels, spec.height, spec.width)
    return job_needs(network, Workload.of(spec), shape, now.overheads)


def estimate(network: Network, spec: ExportSpec, now: Snapshot) -> JobFit:
    """Whether a job fits."""
    return judged(needed(network, spec, now), now)


def gpus(*free: int) -> GpuReport:
    return GpuReport(tuple(Gpu(i, "card", used=24 * GIB - nbytes, total=24 * GIB) for i, nbytes in enumerate(free)))


def test_a_large_gpu_fits_and_a_full_one_does_not(network: Network) -> None:
    report = gpus(22 * GIB, 200 * MIB)
    assert estimate(network, spec(device="0"), snapshot(HOST, "0", report)).fit is Fit.FITS
    full = estimate(network, spec(device="1"), snapshot(HOST, "1", report))
    assert full.fit is Fit.WILL_NOT_FIT
    assert "200.0 MiB of GPU 1 are free" in full.decisive.sentence
    finding = memory_finding(full)
    assert finding is not None
    assert finding.level is Level.ERROR


def test_the_range_of_the_context_leaves_it_open_until_it_is_gpu_measured(network: Network) -> None:
    now = snapshot(HOST, "0", gpus(600 * MIB))
    open_ = estimate(network, spec(device="0"), now)
    assert open_.fit is Fit.TIGHT
    finding = memory_finding(open_)
    assert finding is not None
    assert finding.level is Level.WARNING
    measured = MeasuredGpu("card", "575.1", "2.13", 300 * MIB, 8 * MIB).overheads()
    assert estimate(network, spec(device="0"), replace(now, overheads=measured)).fit is Fit.FITS


def test_on_a_cpu_the_host_decides(network: Network) -> None:
    assert estimate(network, spec(), snapshot(HOST, "cpu", GpuReport())).gpu is None
    for available, fit in ((48 * GIB, Fit.FITS), (100 * MIB, Fit.TIGHT), (60 * MIB, Fit.WILL_NOT_FIT)):
        found = estimate(network, spec(), snapshot(HostMemory(64 * GIB, available), "cpu", GpuReport()))
        assert found.fit is fit, found.decisive.sentence


def test_a_gpu_that_is_not_there_is_not_known(network: Network) -> None:
    for report, word in ((GpuReport(problem="No NVIDIA driver is installed here."), "driver"), (gpus(GIB), "no GPU 3")):
        found = estimate(network, spec(device="3"), snapshot(HOST, "3", report))
        assert found.fit is Fit.UNKNOWN
        assert word in found.decisive.sentence
        assert memory_finding(found) is None
    lost = snapshot(HOST, "0", GpuReport((Gpu(0, "card", problem="This GPU has disappeared."),)))
    assert "disappeared" in estimate(network, spec(device="0"), lost).decisive.sentence


def test_another_process_that_takes_memory_changes_the_verdict_of_the_same_needs(network: Network) -> None:
    needs = job_needs(network, Workload.of(spec(device="0")), InputShape(1, 3, 1536, 320))
    fits = [judged(needs, snapshot(HOST, "0", gpus(free))).fit for free in (2 * GIB, 500 * MIB, 200 * MIB)]
    assert fits == [Fit.FITS, Fit.TIGHT, Fit.WILL_NOT_FIT]


def test_a_size_that_does_not_suit_the_network_has_no_estimate(network: Network) -> None:
    with pytest.raises(ShapeMismatch):
        job_needs(network, Workload.of(spec()), InputShape(1, 3, 600, 320))


sizes = st.integers(1, 40)


@settings(deadline=None, max_examples=25)
@given(sizes, sizes, st.integers(1, 8), st.sampled_from(FLOATS), st.sampled_from(["cpu", "0"]))
def test_every_term_has_a_least_and_a_most(
    rows: int, columns: int, batch: int, precision: Precision, device: str
) -> None:
    for formats in ((ONNX,), (TORCHSCRIPT,), BOTH):
        for verify in VerifyMode:
            asked = spec(
                height=rows * 32,
                width=columns * 32,
                batch=batch,
                precisions=(precision,),
                device=device,
                targets=formats,
                verify=verify,
            )
            found = estimate(tiny_network(), asked, snapshot(HOST, device, gpus(GIB)))
            for verdict in (found.host, found.gpu):
                for term in verdict.need.terms if verdict is not None else ():
                    assert 0 <= term.low <= term.high, term


@settings(deadline=None, max_examples=25)
@given(sizes, sizes, st.sampled_from(FLOATS))
def test_the_bound_for_many_sizes_encloses_the_replay_of_each(rows: int, columns: int, precision: Precision) -> None:
    overheads = MeasuredGpu("card", "575.1", "2.13", 300 * MIB, 8 * MIB).overheads()
    single = run(tiny_network(), InputShape(1, 3, rows * 32, columns * 32), precision)
    exact = gpu_need(single, overheads)
    wide = many_gpu_needs(single.peak_allocated_nbytes, single.forward.weights_nbytes, overheads)
    assert wide.low <= exact.low
    assert exact.high <= wide.high


# ---- the map


def test_the_map_says_what_single_estimates_say(network: Network) -> None:
    """On a CPU. On a GPU it may say TIGHT for what is surely one or the other."""
    for device, free in (("cpu", 0), ("0", 280 * MIB)):
        host = HostMemory(GIB, 200 * MIB) if device == "cpu" else HOST
        now = snapshot(host, device, gpus(free))
        asked = spec(device=device)
        map = fit_map(network, Workload.of(asked), 1, FP32, now, sides=(64, 320, 640, 960, 1536))
        seen: set[Fit] = set()
        for i, height in enumerate(map.sides):
            for j, width in enumerate(map.sides):
                needs = needed(network, asked.sized(height, width), now)
                single = judged(needs, now)
                seen.add(map.fits[i][j])
                assert map.peaks[i][j] == needs.runs[FP32].peak_allocated_nbytes
                assert map.fits[i][j] is single.fit or (device == "0" and map.fits[i][j] is Fit.TIGHT)
        assert len(seen) > 1


def test_the_map_spans_the_recommended_range_in_steps_of_the_stride(network: Network) -> None:
    assert default_sides(32)[:2] == (320, 352)
    assert default_sides(32)[-1] == 1536
    assert len(default_sides(32)) == 39
    assert default_sides(64)[0] == 320
    map = fit_map(network, Workload.of(spec()), 1, FP16, snapshot(HOST, "cpu", GpuReport()))
    assert len(map.fits) == len(map.fits[0]) == 39
    assert map.extreme(38, 0)
    assert not map.extreme(38, 2)  # 1536×384 is 4:1 exactly


def test_where_nothing_is_known_the_map_says_so(network: Network) -> None:
    now = Snapshot(Memory("host memory", None, 0), None)
    map = fit_map(network, Workload.of(spec()), 1, FP32, now, sides=(320, 640))
    assert {fit for row in map.fits for fit in row} == {Fit.UNKNOWN}
    assert largest_batch(network, Workload.of(spec()), (1536, 320), FP32, now) is None


def test_the_largest_batch_and_square_fit_and_the_next_ones_do_not(network: Network) -> None:
    now = snapshot(HostMemory(64 * GIB, 2 * GIB), "cpu", GpuReport())
    batch = largest_batch(network, Workload.of(spec()), (1536, 320), FP32, now)
    side = largest_square(network, Workload.of(spec()), 1, FP32, now)
    assert batch is not None
    assert side is not None
    for fits, asked in (
        (True, spec(batch=batch)),
        (False, spec(batch=batch + 1)),
        (True, spec(height=side, width=side)),
        (False, spec(height=side + 32, width=side + 32)),
    ):
        assert (estimate(network, asked, now).fit is Fit.FITS) == fits


def test_verifying_eight_bits_takes_no_more_than_verifying_floats(network: Network) -> None:
    """What is made on images takes several models while it is made, and one while it is verified."""
    shape, values = InputShape(1, 3, 320, 320), NOTHING_GIVEN.having(DATA, "/images")
    making = Workload((Kind(ONNX, INT8),), values)
    ways = (making, workload(Kind(ONNX, INT8), values, "cpu"), workload(Kind(ONNX, FP32), values, "cpu"))
    made, eight_bits, floats = (job_needs(network, way, shape).host.high for way in ways)
    assert eight_bits <= floats < made
