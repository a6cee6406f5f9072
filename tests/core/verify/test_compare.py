"""The yardstick: what is measured, and how the rounding noise judges it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from halfpint.core.images.synthetic import batch_for, image_for, structured_batch, structured_image, text_image
from halfpint.core.verify.checks.power import check_power
from halfpint.core.verify.compare import WRONG, by_spread, distance, judged
from halfpint.core.verify.evidence import Evidence, Verdict, worst
from halfpint.core.verify.report import LEAST_NOISE, Difference, Distance, Report

finite = st.floats(0, 1e3, allow_nan=False)


def test_nrmse_is_the_error_in_units_of_the_spread() -> None:
    expected = np.array([0.0, 2.0, 0.0, 2.0])  # standard deviation 1
    measured = distance(expected + np.array([0.3, -0.3, 0.3, -0.3]), expected)
    assert measured.nrmse == pytest.approx(0.3)
    assert measured.largest == pytest.approx(0.3)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_infinitely_far(bad: float) -> None:
    assert distance(np.array([1.0, bad]), np.array([1.0, 2.0])) == Distance(np.inf, np.inf)


def test_a_constant_answer() -> None:
    ones = np.ones(4)
    assert distance(ones, ones).nrmse == 0
    assert distance(ones * 1.1, ones).nrmse == np.inf


@given(finite, finite)
def test_a_larger_error_is_never_judged_better(noise: float, error: float) -> None:
    order = list(Verdict)
    assert order.index(judged(error, noise)) <= order.index(judged(error * 1.5 + 1e-9, noise))


@given(st.floats(0, 1))
def test_verdicts_by_the_rounding_noise(noise: float) -> None:
    noise = max(noise, LEAST_NOISE)
    assert judged(3.99 * noise, noise) is Verdict.PASS
    assert judged(4.01 * noise, noise) is (Verdict.WARN if 4.01 * noise <= WRONG else Verdict.FAIL)
    assert judged(40.1 * noise, noise) is Verdict.FAIL


def test_the_yardstick_is_never_stricter_than_float32_allows() -> None:
    assert judged(2.0**-20, 0.0) is Verdict.PASS
    assert judged(1.1 * 2.0**-20, 0.0) is Verdict.WARN
    assert judged(np.inf, 1.0) is judged(0.1, np.inf) is Verdict.FAIL


def test_where_the_noise_is_not_known_the_spread_judges() -> None:
    errors = (0.1, 0.11, 0.25, 0.26, np.inf, np.nan)
    verdicts = (Verdict.PASS, Verdict.WARN, Verdict.WARN, *[Verdict.FAIL] * 3)
    assert tuple(map(by_spread, errors)) == verdicts
    assert Difference("boxes", "px", (1, 3, 64, 64), 0, Distance(0.2, 1), None, Verdict.WARN).multiple == np.inf


@pytest.mark.parametrize("noise", [1e-5, 1e-2, 0.3])
def test_what_another_image_moves_no_further_than_rounding_cannot_be_verified(noise: float) -> None:
    distances = {"boxes": Distance(0.9, 9), "confidences": Distance(3.9 * noise, 1)}
    check = check_power(distances, {"boxes": Distance(1e-3, 1), "confidences": Distance(noise, 1)})
    told = "cannot verify: the confidences depend on the image no more than on rounding"
    assert check == Evidence("power", Verdict.WARN, told)
    distances["confidences"] = Distance(4.1 * noise, 1)
    check = check_power(distances, {"boxes": Distance(1e-3, 1), "confidences": Distance(noise, 1)})
    assert check.verdict is Verdict.PASS


def test_the_worst_verdict_counts() -> None:
    assert worst([]) is Verdict.PASS
    assert worst([Verdict.WARN, Verdict.FAIL, Verdict.PASS]) is Verdict.FAIL


def test_a_report_for_json_has_no_infinities() -> None:
    difference = Difference(
        "boxes", "px", (1, 3, 64, 64), 0, Distance(np.inf, np.inf), Distance(1e-6, 0.1), Verdict.FAIL
    )
    report = Report("full", (Evidence("accuracy", Verdict.FAIL, "off"),), (difference,), 0.1)
    written = report.to_dict()
    assert written["verdict"] == "fail"
    assert written["differences"][0]["measured"] == {"nrmse": None, "largest": None}


@given(st.integers(1, 4), st.integers(8, 80), st.integers(8, 80), st.integers(0, 5))
def test_images_are_lively_repeatable_and_exact_in_fp16(channels: int, height: int, width: int, seed: int) -> None:
    image = structured_image(channels, height, width, seed)
    assert image.shape == (1, channels, height, width)
    assert 0 <= image.min() < image.max() <= 1
    np.testing.assert_array_equal(image.astype(np.float16).astype(np.float32), image)
    structured_image.cache_clear()
    np.testing.assert_array_equal(structured_image(channels, height, width, seed), image)


def test_a_batch_is_of_different_images() -> None:
    first, second = structured_batch(3, 64, 64, 0, 2)
    assert np.abs(first - second).mean() > 0.05


@given(st.integers(1, 4), st.integers(32, 120), st.integers(32, 120), st.integers(0, 5))
def test_letters_are_dark_on_bright_repeatable_and_exact_in_fp16(
    channels: int, height: int, width: int, seed: int
) -> None:
    image = text_image(channels, height, width, seed)
    assert image.shape == (1, channels, height, width)
    assert image.dtype == np.float32
    assert 0 <= image.min() < 0.35
    assert 0.75 < image.max() <= 1
    np.testing.assert_array_equal(image.astype(np.float16).astype(np.float32), image)
    text_image.cache_clear()
    np.testing.assert_array_equal(text_image(channels, height, width, seed), image)


def test_detectors_of_text_see_letters_and_all_others_shapes() -> None:
    np.testing.assert_array_equal(image_for("text", 3, 64, 64, 1), text_image(3, 64, 64, 1))
    np.testing.assert_array_equal(image_for("detect", 3, 64, 64, 1), structured_image(3, 64, 64, 1))
    first, second = batch_for("text", 3, 64, 64, 0, 2)
    assert np.abs(first - second).mean() > 0.05
