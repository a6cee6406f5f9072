"""`halfpint` on DBNet weights: what is published is right at every size, what is wrong ends with the right code."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from halfpint.core.images.synthetic import structured_batch
from halfpint.core.precisions import FP32
from halfpint.core.readings.torch_runner import TorchRunner
from halfpint.core.verify.answers import Answers
from halfpint.core.verify.compare import PASS_FACTOR
from support.checkpoints import network_of, nrmse
from support.command import halfpint
from support.dbnet import checkpoint, safetensors, state_dict, written
from support.jobs import names
from support.onnx import answer

SMALL = "proxylessnas"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model's folder, as ModelScope lays it out."""
    path = tmp_path_factory.mktemp("models") / "cv_proxylessnas_ocr-detection-db-line-level"
    written(state_dict(SMALL), path / "pytorch_model.pt")
    said = {"model": {"inference_kwargs": {"thresh": 0.2, "image_short_side": 736}}}
    (path / "configuration.json").write_text(json.dumps(said))
    return path


@pytest.mark.numbers
def test_four_artifacts_of_a_folder_and_a_dynamic_one_that_is_right_everywhere(folder: Path, tmp_path: Path) -> None:
    include = ("--include", "onnx", "torchscript", "--precision", "fp32", "fp16", "--dynamic")
    result = halfpint("export", "--weights", folder, "--imgsz", 128, 160, "--out", tmp_path, *include)
    assert result.returncode == 0, result.stderr
    assert len(re.findall(r"pytorch_model\S* +\d\S+ MB +\S+ +PASS", result.stdout)) == 4
    assert "128×160 (batch×height×width, landscape)" in result.stdout
    assert "left behind: threshold branch (training only) 0.1 MB" in result.stdout
    model = onnx.load(tmp_path / "pytorch_model.onnx")
    assert {prop.key: prop.value for prop in model.metadata_props}["map_threshold"] == "0.2"
    with network_of(folder) as network, torch.inference_mode():
        limit = PASS_FACTOR * Answers(network).noise(FP32).distances["map"].nrmse
        runner = TorchRunner(network).double()  # as exact as the reference, and faster at these sizes
        for batch, height, width in ((1, 736, 1280), (1, 32, 32), (1, 1536, 320), (3, 64, 96)):
            image = structured_batch(3, height, width, 5, batch)
            exact = runner(torch.from_numpy(image).double())[0].numpy()
            (got,) = answer(model, image)
            assert got.shape == (batch, 1, height, width)
            assert nrmse(got, exact) <= limit


def test_without_a_size_the_family_s_own_counts(folder: Path, tmp_path: Path) -> None:
    result = halfpint("export", "--weights", folder, "--out", tmp_path, "--verify", "quick")
    assert result.returncode == 0, result.stderr
    assert "1×800×800 (batch×height×width, square)" in result.stdout
    manifest = json.loads((tmp_path / "pytorch_model.halfpint.json").read_text())
    assert manifest["artifacts"][0]["contract"]["outputs"][0]["dims"] == [1, 1, 800, 800]


@pytest.mark.numbers
def test_a_finished_file_is_verified_against_its_folder(folder: Path, tmp_path: Path) -> None:
    halfpint("export", "--weights", folder, "--imgsz", 96, 64, "--out", tmp_path, "--half")
    result = halfpint("verify", tmp_path / "pytorch_model.fp16.onnx", "--against", folder)
    assert result.returncode == 0, result.stdout + result.stderr
    assert re.match(
        r"pytorch_model\.fp16\.onnx against \S+: PASS, .*pixels flip.*× the rounding noise\n", result.stdout
    )


@pytest.mark.parametrize(
    ("size", "nearest"),
    [
        (("800", "600"), "800×576 and 800×608"),
        (("819", "819"), "800×800 and 832×832"),
        (("541", "541"), "512×512 and 544×544"),
    ],
)
def test_illegal_sizes_end_with_2_and_both_neighbours(
    size: tuple[str, str], nearest: str, folder: Path, tmp_path: Path
) -> None:
    result = halfpint("export", "--weights", folder, "--imgsz", *size, "--out", tmp_path)
    assert result.returncode == 2
    assert f"the nearest are {nearest}" in result.stderr
    assert not list(names(tmp_path))


def test_rounding_on_request_says_what_it_did(folder: Path, tmp_path: Path) -> None:
    rounding = ("--imgsz", 100, 60, "--round", "nearest", "--verify", "quick")
    result = halfpint("export", "--weights", folder, "--out", tmp_path, *rounding)
    assert result.returncode == 0, result.stderr
    assert "100×60 was rounded to 96×64 (height×width), as asked" in result.stdout


def test_wrong_keys_end_with_3_and_the_key_s_name(tmp_path: Path) -> None:
    key = "decoder.in5.weight"
    missing, renamed, transposed = (state_dict(SMALL) for _ in range(3))
    del missing[key]
    renamed["decoder.in5.kernel"] = renamed.pop(key)
    transposed[key] = np.ascontiguousarray(transposed[key].swapaxes(0, 1))
    for state in (missing, renamed, transposed):
        weights = tmp_path / "pytorch_model.safetensors"
        weights.write_bytes(safetensors(state))
        result = halfpint("export", "--weights", weights, "--imgsz", 64, "--out", tmp_path / "out")
        assert result.returncode == 3
        assert key in result.stderr
        assert not (tmp_path / "out").exists() or not list(names(tmp_path / "out"))


def test_inspect_tells_of_the_dropped_branch(folder: Path) -> None:
    text = halfpint("inspect", folder).stdout
    assert "dbnet-proxylessnas (dbnet text" in text
    assert "threshold branch (training only)" in text
    assert "0.2 of the map" in text
    assert "736×736 square (short side of configuration.json)" in text
    facts = json.loads(halfpint("inspect", checkpoint(SMALL), "--json").stdout)
    assert (facts["family"], facts["threshold"], facts["presets"][0]) == ("dbnet", 0.3, [800, 800])
