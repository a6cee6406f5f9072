"""DBNet state dicts: found wherever they lie, told apart by their tensors, and every key accounted for."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch

from halfpint.core.errors import WeightsRefused
from halfpint.core.families import identify, open_weights
from halfpint.core.families.blueprint import Blueprint
from halfpint.core.inspect import inspect
from halfpint.core.ledger import source_ledger
from halfpint.core.network.layers import layers_of
from halfpint.core.network.network import Network
from halfpint.core.network.result import Mask
from halfpint.core.precisions.dtype import FLOAT32, FLOAT64
from halfpint.core.readings.reference import Reference
from halfpint.core.verify.compare import PASS_FACTOR
from halfpint.core.verify.report import LEAST_NOISE
from halfpint.core.weights.tensors import Tensor
from support.checkpoints import network_of, nrmse
from support.dbnet import FIXTURES, VARIANTS, State, checkpoint, safetensors, state_dict, written
from support.rounding import limits

SMALL = "proxylessnas"


@contextmanager
def network(path: Path) -> Iterator[Network]:
    with network_of(path) as found:
        yield found


def refusal(path: Path) -> str:
    """What the error says with which a file is refused for export; looking at it does not fail."""
    assert inspect(path).obstacle
    with pytest.raises(WeightsRefused) as error, open_weights(path) as archive:
        identify(archive).network()
    return str(error.value)


# ---- what it is


@pytest.mark.parametrize(
    ("variant", "parameters"), [("resnet18", 12_340_930), ("resnet50_vlpt", 25_409_730), ("proxylessnas", 1_407_566)]
)
def test_facts_of_every_variant(variant: str, parameters: int) -> None:
    info = inspect(checkpoint(variant))
    facts = info.facts
    assert (facts.family, facts.variant, facts.task, facts.stride) == ("dbnet", f"dbnet-{variant}", "text", 32)
    assert (facts.sizes.default, facts.threshold, info.parameters) == ((800, 800), 0.3, parameters)
    assert not info.obstacle
    assert not info.is_training
    assert sum(part.nbytes for part in info.parts) == info.nbytes


def test_the_threshold_branch_is_dropped_and_shown() -> None:
    info = inspect(checkpoint("resnet18"))
    branch = {key: array for key, array in state_dict("resnet18").items() if key.startswith("decoder.thresh.")}
    (part,) = (part for part in info.parts if part.dropped)
    assert part.name == "threshold branch (training only)"
    assert part.nbytes == sum(array.nbytes for array in branch.values())
    assert "threshold branch (training only) 0.7 MB" in source_ledger(info).explanation
    with network(checkpoint("resnet18")) as found:
        assert not any("thresh" in layer.name for layer in layers_of(found.body))


def test_the_contract() -> None:
    with network(checkpoint(SMALL)) as found:
        assert found.input_name == "images"
        assert [(output.name, output.axes) for output in found.outputs] == [("pred", ("batch", 1, "height", "width"))]


# ---- wherever it lies


def as_zip(state: State, path: Path) -> Path:
    torch.save({key: torch.from_numpy(array) for key, array in state.items()}, path)
    return path


def as_stream(state: State, path: Path) -> Path:
    tensors = {key: torch.from_numpy(array) for key, array in state.items()}
    torch.save(tensors, path, _use_new_zipfile_serialization=False)
    return path


def as_safetensors(state: State, path: Path) -> Path:
    path.write_bytes(safetensors(state, {"format": "pt"}))
    return path


@pytest.mark.numbers
@pytest.mark.parametrize("save", [as_zip, as_stream, as_safetensors])
def test_every_layout_is_the_same_network(save: Callable[[State, Path], Path], tmp_path: Path) -> None:
    path = save(state_dict(SMALL), tmp_path / "weights.file")
    with np.load(FIXTURES / f"{SMALL}.npz") as recorded, network(path) as found:
        (got,) = Reference(FLOAT64).run(found, recorded["image"])
        (limit,) = limits(found, recorded["image"])  # the recorded answer was computed in FP32
        assert nrmse(recorded["out0"], got) <= limit


@pytest.mark.parametrize("prefix", ["module.", "model.module.", "detector.", "a.b.c."])
@pytest.mark.parametrize("under", [(), ("state_dict",), ("model",), ("model", "state_dict")])
def test_wrappers_are_taken_off(prefix: str, under: tuple[str, ...], tmp_path: Path) -> None:
    root: dict[str, object] = {f"{prefix}{key}": array for key, array in state_dict(SMALL).items()}
    for key in reversed(under):
        root = {key: root, "epoch": 7, "lr": 0.007}
    path = written(root, tmp_path / "last.pt")
    info = inspect(path)
    assert not info.obstacle
    assert info.used == (under[0] if under else "model")
    with network(path) as found, network(checkpoint(SMALL)) as plain:
        assert [layer.name for layer in layers_of(found.body)] == [layer.name for layer in layers_of(plain.body)]


def test_an_ema_counts_and_what_lies_beside_it_is_left_behind(tmp_path: Path) -> None:
    model, ema = state_dict(SMALL), state_dict(SMALL)
    key = "backbone.first_conv.0.weight"
    ema[key] = 2 * ema[key]
    path = written(
        {"model": model, "model_ema": ema, "optimizer": {"m": np.zeros(1000, np.float32)}}, tmp_path / "x.pt"
    )
    info = inspect(path)
    assert info.used == "model_ema"
    assert info.is_training
    assert {part.name for part in info.parts if not part.used and not part.dropped} >= {"model", "optimizer"}
    with open_weights(path) as archive:
        tensors = identify(archive).tensors
        assert isinstance(tensors, list)
        first = next(tensor for tensor in tensors if isinstance(tensor, Tensor) and tensor.shape == ema[key].shape)
        np.testing.assert_array_equal(first.array(), ema[key])


def test_a_model_folder_and_what_its_configuration_says(tmp_path: Path) -> None:
    folder = tmp_path / "cv_proxylessnas_ocr-detection"
    written(state_dict(SMALL), folder / "pytorch_model.pt")
    said = {"model": {"backbone": SMALL, "inference_kwargs": {"thresh": 0.2, "image_short_side": 736}}}
    (folder / "configuration.json").write_text(json.dumps(said))
    for path in (folder, folder / "pytorch_model.pt"):
        facts = inspect(path).facts
        assert facts.threshold == 0.2
        assert (736, 736) in [preset.size for preset in facts.sizes.presets]
        assert facts.sizes.default == (800, 800)
    with network(folder) as found:
        assert found.result == Mask(0, 0.2)


@pytest.mark.parametrize(
    "said",
    [
        "no json",
        "[]",
        '{"model": 1}',
        '{"model": {"inference_kwargs": {"thresh": "high", "image_short_side": "wide"}}}',
        '{"model": {"inference_kwargs": {"thresh": 7.5, "image_short_side": -3}}}',
        "[" * 100_000,
    ],
)
def test_a_configuration_that_says_nothing_usable(said: str, tmp_path: Path) -> None:
    path = written(state_dict(SMALL), tmp_path / "pytorch_model.pt")
    (tmp_path / "configuration.json").write_text(said)
    facts = inspect(path).facts
    assert (facts.threshold, facts.sizes.default) == (0.3, (800, 800))


# ---- every key is accounted for


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_missing_key(variant: str, tmp_path: Path) -> None:
    state = state_dict(variant)
    del state["decoder.in5.weight"]
    assert "1 missing: decoder.in5.weight (" in refusal(written(state, tmp_path / "w.pt"))


def test_a_renamed_key_is_missing_and_not_known(tmp_path: Path) -> None:
    state = state_dict(SMALL)
    state["decoder.in5.kernel"] = state.pop("decoder.in5.weight")
    told = refusal(written(state, tmp_path / "w.pt"))
    assert "1 missing: decoder.in5.weight (64×128×1×1)" in told
    assert "1 not known: decoder.in5.kernel (64×128×1×1)" in told


def test_a_transposed_key(tmp_path: Path) -> None:
    state = state_dict(SMALL)
    state["decoder.in5.weight"] = np.ascontiguousarray(state["decoder.in5.weight"].swapaxes(0, 1))
    told = refusal(written(state, tmp_path / "w.pt"))
    assert "1 not as expected: decoder.in5.weight (128×64×1×1, 64×128×1×1 was expected)" in told


def test_whole_numbers_are_no_weights(tmp_path: Path) -> None:
    state = state_dict(SMALL)
    state["decoder.in5.weight"] = state["decoder.in5.weight"].astype(np.int64)
    told = refusal(written(state, tmp_path / "w.pt"))
    assert "decoder.in5.weight (64×128×1×1 in int64, 64×128×1×1 was expected)" in told


def test_many_missing_keys_are_counted(tmp_path: Path) -> None:
    state = {key: array for key, array in state_dict("resnet18").items() if not key.startswith("decoder.")}
    told = refusal(written(state, tmp_path / "w.pt"))
    assert "21 missing: decoder.in2.weight (256×64×1×1)" in told
    assert "and 13 more" in told


def test_a_key_outside_of_the_wrapper_is_not_known(tmp_path: Path) -> None:
    state = {f"module.{key}": array for key, array in state_dict(SMALL).items()}
    state["decoder.in5.weight"] = state["module.decoder.in5.weight"]
    told = refusal(written(state, tmp_path / "w.pt"))
    assert "1 not known: decoder.in5.weight (without module.) (64×128×1×1)" in told


def test_what_serves_training_alone_may_be_missing(tmp_path: Path) -> None:
    kept = {
        key: array
        for key, array in state_dict(SMALL).items()
        if not key.startswith("decoder.thresh.") and not key.endswith("num_batches_tracked")
    }
    info = inspect(written(kept, tmp_path / "w.pt"))
    assert not info.obstacle
    assert not any(part.dropped for part in info.parts)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_no_numbers(value: float, tmp_path: Path) -> None:
    state = state_dict(SMALL)
    state["decoder.in5.weight"] = np.full_like(state["decoder.in5.weight"], value)
    with network(written(state, tmp_path / "w.pt")) as found, pytest.raises(WeightsRefused, match=r"decoder\.in5.*NaN"):
        Reference(FLOAT32).run(found, np.zeros((1, 3, 32, 32), np.float32))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_slope_that_is_no_number(value: float, tmp_path: Path) -> None:
    state = state_dict(SMALL)
    key = "backbone.blocks.0.mobile_inverted_conv.act.weight"
    state[key] = np.full_like(state[key], value)
    assert key in refusal(written(state, tmp_path / "w.pt"))


def test_another_network_s_state_dict_is_of_no_known_family(tmp_path: Path) -> None:
    path = written({"conv.weight": np.zeros((8, 3, 3, 3), np.float32)}, tmp_path / "w.pt")
    with pytest.raises(WeightsRefused, match="no model of a known family"):
        inspect(path)


# ---- folding


@pytest.mark.numbers
def test_depthwise_convolutions_of_one_input_are_one(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    parts = [("a", 1, "a_norm"), ("b", 3, "b_norm"), ("c", 5, "c_norm")]
    state: State = {}
    for path, kernel, norm in parts:
        state[f"{path}.weight"] = random.standard_normal((4, 1, kernel, kernel)).astype(np.float32)
        for name in ("weight", "bias", "running_mean", "running_var"):
            state[f"{norm}.{name}"] = random.uniform(0.5, 2, 4).astype(np.float32)
    with open_weights_of(state, tmp_path) as tensors:
        blueprint = Blueprint(tensors)
        layer = blueprint.sum_of_depthwise("sum", parts, 4, stride=2)
        blueprint.check(())
        x = random.standard_normal((2, 4, 9, 7))
        got = Reference(FLOAT64).conv(x, layer)
    image = torch.from_numpy(x)
    total = torch.zeros(())
    for path, kernel, norm in parts:
        y = torch.nn.functional.conv2d(image, tensor64(state[f"{path}.weight"]), None, 2, kernel // 2, groups=4)
        gamma, beta, mean, variance = (
            tensor64(state[f"{norm}.{name}"]) for name in ("weight", "bias", "running_mean", "running_var")
        )
        total = total + torch.nn.functional.batch_norm(y, mean, variance, gamma, beta)
    assert nrmse(got, total.numpy()) <= PASS_FACTOR * LEAST_NOISE  # folded weights are rounded to float32 once


def tensor64(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(array.astype(np.float64))


@contextmanager
def open_weights_of(state: State, folder: Path) -> Iterator[dict[str, Tensor]]:
    with open_weights(written(state, folder / "some.pt")) as archive:
        assert isinstance(archive.root, dict)
        yield {str(key): tensor for key, tensor in archive.root.items() if isinstance(tensor, Tensor)}


@pytest.mark.parametrize("inside", ["", "tf_ckpts"])
def test_seglink_is_refused_by_name_with_the_sibling_that_is_a_dbnet(inside: str, tmp_path: Path) -> None:
    folder = tmp_path / "cv_resnet18_ocr-detection-line-level_damo"
    (folder / inside).mkdir(parents=True)
    for suffix in ("index", "meta", "data-00000-of-00001"):
        (folder / inside / f"checkpoint-80000.{suffix}").write_bytes(b"tensorflow")
    with pytest.raises(WeightsRefused, match=r"SegLink\+\+ .* sibling cv_resnet18_ocr-detection-db-line-level_damo"):
        open_weights(folder)
