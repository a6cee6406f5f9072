"""What a proof tells: of detections, of regions of text, of classes; with labels and without."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from halfpint.core.errors import BadRequest
from halfpint.core.families import identify, open_weights
from halfpint.core.families.ultralytics.decoder import detections as column_detections
from halfpint.core.families.yolov5.decoder import detections
from halfpint.core.images.source import open_images
from halfpint.core.network.network import Network
from halfpint.core.network.result import BestClass, Columns, Layout, Mask, Rows
from halfpint.core.proof.classes import ClassFinder
from halfpint.core.proof.detections import DetectionFinder
from halfpint.core.proof.expected import Expected
from halfpint.core.proof.prove import Yardstick, finder_of, loss_of, prove
from halfpint.core.proof.regions import RegionFinder, enlarged
from halfpint.core.proof.silhouettes import MaskFinder
from halfpint.core.verify.checks.proof import check_proof
from halfpint.core.verify.evidence import Verdict
from halfpint.core.verify.proof import Drift, Proof
from support.proof import Between, opened, proved, seen
from support.shapes import SHAPES, picture_folder

Array = NDArray[Any]
SIZE = (320, 320)


@pytest.fixture(scope="module")
def network() -> Network:
    with open_weights(Path(__file__).parents[2] / "fixtures" / "yolov5" / "shapes-n.pt") as archive:
        network = identify(archive).network()
        opened(network, SIZE)  # loads the weights while the file is open
        return network


@pytest.fixture(scope="module")
def by(network: Network) -> Yardstick:
    return seen(network, open_images(SHAPES), SIZE)


def without(rows: Array, count: int) -> Array:
    """An answer without the most confident box and whatever overlaps it, so many times over."""
    rows = rows.copy()
    for _ in range(count):
        best = int((rows[0, :, 4] * rows[0, :, 5:].max(1)).argmax())
        near = np.abs(rows[0, :, :2] - rows[0, best, :2]).max(1) < rows[0, best, 2:4].max()
        rows[0, near, 4] = 0
    return rows


def told(proof: Proof) -> dict[str, str]:
    return {check.name: check.message for check in check_proof(proof)}


def test_what_is_kept_is_told_with_the_labels(network: Network, by: Yardstick) -> None:
    proof = proved(by, opened(network, SIZE).run)
    assert (proof.images, proof.labelled, proof.broken, proof.expected) == (16, 16, 0, 58)
    assert (proof.recall, proof.precision, proof.verdict) == (1.0, 1.0, Verdict.PASS)
    assert proof.headline == (
        "keeps all 58 detections on 16 images of yours, none new; mAP50-95 against the labels stays 0.6933"
    )
    lines = told(proof)
    assert lines["proof classes"] == "all 8 classes stay as they are"
    assert lines["proof images"] == (
        f"16 of {SHAPES}; 16 have labels; square letterbox, 320×320 (height×width), pad 114, RGB, 0 to 1; "
        "FP32 in ONNX Runtime saw the same pixels"
    )


def test_what_is_lost_is_told_class_by_class(network: Network, by: Yardstick) -> None:
    file = opened(network, SIZE)
    proof = proved(by, lambda image: (without(file.run(image)[0], 1),))
    assert proof.verdict is Verdict.FAIL
    assert 58 - proof.kept == sum(one.expected - one.kept for one in proof.classes) >= 16
    check = next(check for check in check_proof(proof) if check.name == "proof")
    assert check.verdict is Verdict.FAIL
    assert check.message.endswith("more than the 0.5 points that --max-loss allows")
    assert proof.loss is not None and proof.loss == loss_of(
        Between(lambda image: (without(file.run(image)[0], 1),)), by
    )


def test_the_loss_that_is_allowed_is_the_user_s_affair(network: Network, by: Yardstick) -> None:
    file = opened(network, SIZE)
    answer = Between(lambda image: (without(file.run(image)[0], 1),))
    assert prove(answer, by, most=100.0).verdict is Verdict.PASS


def test_without_labels_the_reference_s_own_detections_are_the_truth(network: Network, tmp_path: Path) -> None:
    by = seen(network, open_images(picture_folder(tmp_path, 4)), SIZE)
    proof = proved(by, opened(network, SIZE).run)
    assert proof.loss is not None and (proof.loss.reference, proof.loss.found) == (1.0, 1.0)
    assert proof.headline.endswith("mAP50-95 against FP32's own detections stays 1.0000")


def test_labels_of_classes_that_the_network_lacks(network: Network, tmp_path: Path) -> None:
    images = picture_folder(tmp_path, 2)
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "00.txt").write_text("99 0.5 0.5 0.1 0.1")
    by = seen(network, open_images(images), SIZE)
    assert by.notes == ("the labels name classes that the network does not have (99): these are left out",)
    assert by.labels(0) is None and by.labels(1) is None


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_an_answer_that_is_no_number(network: Network, by: Yardstick, value: float) -> None:
    file, count = opened(network, SIZE), iter(range(100))

    def answer(image: Array) -> tuple[Array, ...]:
        rows = file.run(image)[0].copy()
        rows[0, 0, 0] = value if next(count) == 5 else rows[0, 0, 0]
        return (rows,)

    proof = proved(by, answer)
    assert proof.verdict is Verdict.FAIL and proof.headline.startswith("gives no usable answer at 5: ")
    assert loss_of(Between(answer), by).points == 0  # the sixth image came and went
    count = iter(range(100))
    assert loss_of(Between(answer), by).found == 0


def test_a_runtime_that_fails(by: Yardstick) -> None:
    def answer(image: Array) -> tuple[Array, ...]:
        raise RuntimeError("an operator is not implemented")

    assert proved(by, answer).headline == "gives no usable answer at 0: an operator is not implemented"


def test_images_on_which_nothing_is_found_prove_nothing(network: Network, tmp_path: Path) -> None:
    Image.new("RGB", (64, 64), (114, 114, 114)).save(tmp_path / "grey.png")
    proof = proved(seen(network, open_images(tmp_path), SIZE), opened(network, SIZE).run)
    assert proof.verdict is Verdict.WARN and "these images prove nothing" in proof.headline


def test_a_budget_runs_each_image_once_whatever_a_batch_is(network: Network) -> None:
    by, file, runs = seen(network, open_images(SHAPES).of(range(5)), SIZE), opened(network, SIZE), list[int]()

    def weakened(images: Array) -> tuple[Array, ...]:
        runs.append(len(images))
        return (without(np.concatenate([file.run(image[None])[0] for image in images]), 1),)

    for batch in (1, 3):
        loss = Expected(by, [1, 3], batch).loss(Between(weakened))
        assert loss.aside is not None and loss.points > 0
    assert runs == [1] * 5 + [3, 3]
    assert Expected(by, [1], 1).loss(Between(lambda _: ())).points == 100


def test_pictures_that_change_meanwhile(network: Network, tmp_path: Path) -> None:
    images = picture_folder(tmp_path, 3)
    by = seen(network, open_images(images), SIZE)
    (images / "01.png").unlink()
    with pytest.raises(BadRequest, match="changed meanwhile"):
        proved(by, opened(network, SIZE).run)


# ---- other kinds of answers


def drawn(*regions: tuple[slice, slice]) -> list[Array]:
    """A map of text with these regions."""
    image = np.zeros((1, 1, 128, 128), np.float32)
    for rows, columns in regions:
        image[0, 0, rows, columns] = 0.9
    return [image]


TITLE, BODY, NOTE = (slice(8, 24), slice(8, 120)), (slice(40, 60), slice(8, 100)), (slice(90, 110), slice(60, 120))


def counted(finder: Any, network: Network, before: Sequence[Any], now: Sequence[Any]) -> Any:
    tally = finder.tally(network, labelled=False)
    for wanted, got in zip(before, now, strict=True):
        tally.add(finder.finds(wanted), finder.finds(got), None)
    return tally.counted()


def test_regions_of_text_are_enlarged_as_users_do_it() -> None:
    """By area × 1.5 / circumference: for a line of 100×20 px, that is 12.5 px a side."""
    box = np.array([(0, 0), (100, 0), (100, 20), (0, 20)], float)
    np.testing.assert_allclose(enlarged(box), [(-12.5, -12.5), (112.5, -12.5), (112.5, 32.5), (-12.5, 32.5)])


def test_regions_have_an_f_score(network: Network) -> None:
    finder = RegionFinder(Mask(0, 0.3))
    same = counted(finder, network, [drawn(TITLE, BODY)], [drawn(TITLE, BODY)])
    assert (same.expected, same.kept, same.new, same.loss.points) == (2, 2, 0, 0)
    other = counted(finder, network, [drawn(TITLE, BODY)], [drawn(TITLE, NOTE)])
    assert (other.expected, other.kept, other.new) == (2, 1, 1)
    assert other.loss.found == pytest.approx(0.5)  # precision and recall are 1/2


def test_classes_are_counted(network: Network) -> None:
    finder = ClassFinder(BestClass(0))
    scores = [[np.eye(4)[[number]]] for number in (0, 1, 2, 2)]
    found = counted(finder, network, scores, [scores[0], scores[1], scores[2], scores[0]])
    assert (found.expected, found.kept, found.new, found.loss.found) == (4, 3, 1, 0.75)


@pytest.mark.parametrize("layout", [Rows(1, masks=2), Columns(1, masks=2)], ids=["rows", "columns"])
def test_masks_of_what_is_kept_are_compared(layout: Layout) -> None:
    """Boxes of 64×64 px in an image of 128×128, prototypes of 32×32 cells; the mask of one becomes half of it."""
    result = detections(1) if isinstance(layout, Rows) else column_detections(1)
    finder, masks = DetectionFinder(result), MaskFinder(result, layout)
    left, halves = np.zeros((32, 32)), np.zeros((32, 32))
    left[:16, :16], halves[:8, :16] = 2, 2
    prototypes = np.stack((left - 1, halves - 1))[None].astype(np.float32)

    def answer(mix: tuple[float, float]) -> list[Array]:
        rows = [[32, 32, 64, 64, 0.9, 1, *mix], [96, 96, 64, 64, 0.8, 1, 1, 0], [96, 32, 20, 20, 0.1, 1, 1, 0]]
        boxes = np.array([rows], np.float32)
        if isinstance(layout, Columns):  # which have no objectness
            boxes[..., 5] *= boxes[..., 4]
            boxes = np.delete(boxes, 4, axis=2).transpose(0, 2, 1)
        return [boxes, prototypes]

    def found(outputs: Sequence[Array]) -> tuple[Array, Array]:
        rows = finder.finds(outputs).astype(np.float32)
        return rows, masks.masks(outputs, rows, (128, 128))

    before, now = found(answer((1, 0))), found(answer((0, 1)))
    assert len(before[0]) == 3 and before[1].nbytes == 2 * 16 * 16 // 8  # what is below the threshold has no mask
    tally = masks.tally((128, 128), (32, 32))
    tally.add(before, before)
    assert tally.drift() == Drift(1.0, 1.0)
    tally.add(before, now)
    assert tally.drift() == Drift(1.0, 0.5)


def test_detections_below_the_threshold_count_for_map_alone(network: Network, by: Yardstick) -> None:
    finder = finder_of(network)
    assert isinstance(finder, DetectionFinder) and finder.threshold == 0.25
    confidences = by.finds(0)[:, 5]
    assert confidences.min() < 0.25 < confidences.max()
