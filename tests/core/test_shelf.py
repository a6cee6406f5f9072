"""What is put on the shelf is read again as it was, costs no memory, and leaves nothing on the disk."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from halfpint.core.network.layers import Conv2d, Weights, layers_of
from halfpint.core.network.shelf import Shelf
from halfpint.core.weights_source import WeightsSource

WEIGHTS = Path(__file__).parents[1] / "fixtures" / "yolov5" / "shapes-n.pt"


def some(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


def test_threads_read_what_was_put(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    arrays = [some(seed, 1 + seed, 3, 2, 2) for seed in range(20)]
    read = [shelf.put(array) for array in arrays]
    with ThreadPoolExecutor(4) as threads:
        for index, found in enumerate(threads.map(lambda number: read[number % 20](), range(200))):
            np.testing.assert_array_equal(found, arrays[index % 20])
    assert read[0]() is not read[0](), "an array is held"


def test_it_has_no_name(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "yet" / "to be made")
    read = shelf.put(some(1, 1000))
    assert not list(tmp_path.rglob("*"))
    assert read() is not read(), "it stayed in memory"


def test_what_has_no_room_stays_in_memory(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    first, second = some(1, 1000), some(2, 4000)
    before = shelf.put(first)
    with files_of_at_most(8192):
        held = shelf.put(second)
    after = shelf.put(first)
    assert held() is second and after() is first
    np.testing.assert_array_equal(before(), first)


def test_without_a_folder_to_write_to_it_is_memory(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    array = some(1, 10)
    assert Shelf(tmp_path / "file").put(array)() is array


def test_a_layer_on_the_shelf_has_its_weights(tmp_path: Path) -> None:
    weight, bias = some(1, 4, 2, 3, 3), some(2, 4)
    layer = Conv2d("conv", (4, 2, 3, 3), lambda: Weights(weight, bias))
    layer.keep(Shelf(tmp_path).put)
    np.testing.assert_array_equal(layer.weights.weight, weight)
    assert layer.bias is bias and layer.weights.weight is not weight


@pytest.mark.parametrize("on_disk", (True, False))
def test_a_checkpoint_can_be_closed(tmp_path: Path, on_disk: bool) -> None:
    with WeightsSource(WEIGHTS) as source:
        folded = [layer.load() for layer in layers(source)]
        for _ in source.load(*((Shelf(tmp_path).put,) if on_disk else ())):
            pass
    for layer, expected in zip(layers(source), folded, strict=True):
        for found, array in zip(layer.weights, expected, strict=True):
            np.testing.assert_array_equal(found, array)


def layers(source: WeightsSource) -> list[Conv2d]:
    return [layer for layer in layers_of(source.network.body) if isinstance(layer, Conv2d)]


@contextmanager
def files_of_at_most(nbytes: int) -> Iterator[None]:
    """No file of this process may become larger."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (nbytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
