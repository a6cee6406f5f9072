"""The models that people have: each is halved and verified, or refused with a reason; those of torch are made here.

Models of packages on PyPI are tried where these are installed; nothing of the packages is imported.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import onnx
import pytest
from onnx import ModelProto, TensorProto, helper

from halfpint.core.errors import BadRequest
from halfpint.core.export.halved_file import HalvedFile, halve_file
from halfpint.core.verify.evidence import Verdict
from support.jobs import names
from support.torch_made import MADE, SIZE, Attends, Branches, Resizes, exported

# ---- what packages carry


@dataclass(frozen=True)
class Carried:
    """A model in a package, the size it is tried at, and the largest share of its bytes that is left."""

    package: str
    path: str
    size: tuple[int, int]
    share: float

    def file(self) -> Path:
        """Where it lies; the test is skipped where the package is not installed."""
        try:
            return Path(str(distribution(self.package).locate_file(self.path)))
        except PackageNotFoundError:
            how = f"pip install --no-deps {self.package}"
            pytest.skip(f"{self.package}, which carries {Path(self.path).name}, is not installed ({how})")


_OCR = "rapidocr_onnxruntime/models"
CARRIED = (
    Carried("rapidocr-onnxruntime", f"{_OCR}/ch_PP-OCRv4_det_infer.onnx", (320, 320), 0.51),
    Carried("rapidocr-onnxruntime", f"{_OCR}/ch_PP-OCRv4_rec_infer.onnx", (48, 320), 0.51),
    Carried("rapidocr-onnxruntime", f"{_OCR}/ch_ppocr_mobile_v2.0_cls_infer.onnx", (48, 192), 0.53),
    Carried("nudenet", "nudenet/320n.onnx", (320, 320), 0.51),
    Carried("ddddocr", "ddddocr/common_det.onnx", (416, 416), 0.51),
    Carried("ddddocr", "ddddocr/common.onnx", (64, 160), 0.51),
)


@pytest.mark.one_in(2)
@pytest.mark.parametrize("carried", CARRIED, ids=lambda carried: Path(carried.path).stem)
def test_models_of_packages(carried: Carried, tmp_path: Path) -> None:
    target = tmp_path / "half.onnx"
    done = halve_file(carried.file(), target, carried.size)
    assert done.report.verdict is not Verdict.FAIL
    assert done.nbytes <= carried.share * done.nbytes_before


def test_a_size_that_a_model_does_not_take_is_not_its_fault(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match=r"does not run at 640×640.*--imgsz H W"):
        halve_file(CARRIED[1].file(), tmp_path / "half.onnx", (640, 640))
    assert not list(names(tmp_path))


# ---- what torch exports


def halved(model: ModelProto, folder: Path, *, half_io: bool = False) -> HalvedFile:
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    return halve_file(folder / "model.onnx", folder / "half.onnx", SIZE, half_io=half_io)


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", MADE)
def test_models_that_torch_exports(name: str, tmp_path: Path) -> None:
    make, share = MADE[name]
    model = make()
    if name[0].isupper():
        assert name in {node.op_type for node in model.graph.node}
    done = halved(model, tmp_path)
    assert done.report.verdict is not Verdict.FAIL, done.report
    assert done.nbytes <= share * done.nbytes_before


@pytest.mark.parametrize("name", ["TopK", "NonMaxSuppression"])
def test_what_is_chosen_is_judged_by_what_it_is_chosen_from(name: str, tmp_path: Path) -> None:
    done = halved(MADE[name][0](), tmp_path)
    told = {check.name: check for check in done.report.checks}
    assert name in told["choices"].message
    assert told["accuracy"].verdict is Verdict.PASS


def test_data_in_other_files_come_along(tmp_path: Path) -> None:
    model = exported(Attends())
    source = tmp_path / "model.onnx"
    onnx.save(model, source, save_as_external_data=True, location="model.data", size_threshold=0)
    done = halve_file(source, tmp_path / "half.onnx", SIZE)
    assert done.report.verdict is Verdict.PASS
    assert done.nbytes <= 0.6 * (tmp_path / "model.data").stat().st_size
    onnx.checker.check_model(tmp_path / "half.onnx", full_check=True)


def test_pixels_as_bytes(tmp_path: Path) -> None:
    model = exported(Resizes())
    (image,) = model.graph.input
    image.name, image.type.tensor_type.elem_type = "bytes", TensorProto.UINT8
    model.graph.node.insert(0, helper.make_node("Cast", ["bytes"], ["images"], to=TensorProto.FLOAT))
    assert halved(model, tmp_path).report.verdict is Verdict.PASS


def test_models_of_the_first_years_list_their_weights_as_inputs(tmp_path: Path) -> None:
    model = exported(Resizes(), opset=11)
    model.ir_version = 3
    for tensor in model.graph.initializer:
        model.graph.input.append(helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims))
    assert halved(model, tmp_path).report.verdict is Verdict.PASS


def test_an_output_that_a_branch_reads_cannot_be_fp16(tmp_path: Path) -> None:
    model = exported(Branches(), scripted=True)
    branch = next(node for node in model.graph.node if node.op_type == "If")
    (read, *_) = (name for node in branch.attribute[0].g.node for name in node.input if name)
    outer = {name for node in model.graph.node for name in node.output}
    assert read in outer
    model.graph.output.append(helper.make_tensor_value_info(read, TensorProto.FLOAT, None))
    with pytest.raises(BadRequest, match="is read inside of a branch or loop"):
        halved(model, tmp_path, half_io=True)


def test_models_of_several_inputs_are_refused(tmp_path: Path) -> None:
    model = exported(Resizes())
    model.graph.input.append(helper.make_tensor_value_info("scale", TensorProto.FLOAT, [1, 2]))
    with pytest.raises(BadRequest, match="the model has 2 inputs: only models of one image can be verified"):
        halved(model, tmp_path)
