"""The consumers: which runtimes, in which versions, where they are installed, and how each loads a file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from halfpint.core.precisions import FP16, FP32, Precision
from halfpint.core.targets.onnx.options import OPSET
from halfpint.core.targets.target import Target
from support.targets import ONNX, TORCHSCRIPT

from .cases import Column


@dataclass(frozen=True)
class Way:
    """A way to load a file, in the runner's words.

    `precision`: what it computes in, if not in the file's own. `only`: the precision of the files that it is for.
    `any_size`: whether another size than the file's own is asked about too, where the file takes it.
    """

    name: str = ""
    precision: Precision | None = None
    only: Precision | None = None
    any_size: bool = True

    def judged_in(self, column: Column) -> Precision:
        """The precision whose rounding noise an answer may have."""
        return self.precision or column.kind.precision


@dataclass(frozen=True)
class Consumer:
    """A runtime. `name`: as README calls it, without its version, which the runtime tells itself.

    `runner`: `runners/run_RUNNER.py`. `pins`: what is installed for it, in an environment of its own; if there are
    none, it runs in this environment, which needs `modules`. `any_size`: whether one loaded file takes several sizes.
    `remark`: what README says about using it. `slow`: the cases that it takes long over, for `--exhaustive` alone.
    """

    name: str
    runner: str
    pins: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    targets: tuple[Target, ...] = (ONNX,)
    ways: tuple[Way, ...] = (Way(),)
    opset: int = OPSET.default
    any_size: bool = True
    remark: str = ""
    slow: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        return " ".join(pin.replace("==", "-") for pin in self.pins[:1]) or self.runner

    def ways_of(self, column: Column) -> Iterable[Way]:
        """How it loads the files of a column; none if it does not read the format."""
        if column.kind.target in self.targets:
            yield from (way for way in self.ways if way.only in (None, column.kind.precision))


_OLD_NUMPY = "numpy==1.26.4"  # all of them were built for numpy 1

CONSUMERS = (
    Consumer("ONNX Runtime", "onnxruntime", modules=("onnxruntime",)),
    Consumer(
        "ONNX Runtime",
        "onnxruntime",
        pins=("onnxruntime==1.15.1", _OLD_NUMPY),
        remark="the oldest that is supported; reads up to `--opset 18`",
    ),
    Consumer("OpenCV", "opencv", modules=("cv2",)),
    Consumer("OpenCV", "opencv", pins=("opencv-python-headless==4.10.0.84", _OLD_NUMPY)),
    Consumer("OpenCV", "opencv", pins=("opencv-python-headless==4.8.1.78", _OLD_NUMPY)),
    Consumer(
        "OpenCV",
        "opencv",
        pins=("opencv-python-headless==4.5.5.64", _OLD_NUMPY),
        opset=12,
        remark="with `--opset 12`",
    ),
    Consumer(
        "OpenVINO",
        "openvino",
        modules=("openvino",),
        remark="with `INFERENCE_PRECISION_HINT: f32`, see below",
    ),
    Consumer(
        "ncnn",
        "ncnn",
        modules=("ncnn", "pnnx"),
        targets=(ONNX, TORCHSCRIPT),
        ways=(Way("fp32"), Way("as pnnx makes it", FP16, only=FP32)),
        any_size=False,
        slow=("resnet18",),
        remark="`pnnx FILE inputshape=[1,3,H,W]`, which halves an FP32 file unless told `fp16=0`",
    ),
    Consumer(
        "MNN",
        "mnn",
        pins=("MNN==3.6.1", "numpy==2.2.6"),
        remark="with `precision: high` and the hint `WINOGRAD_MEMORY_LEVEL` at 0",
    ),
    Consumer(
        "LibTorch",
        "torchscript",
        modules=("torch",),
        targets=(TORCHSCRIPT,),
        slow=("resnet18",),
        ways=(
            Way("load"),
            Way(".float()"),
            Way(".half()", FP16, any_size=False),
            Way("freeze", any_size=False),
            Way("optimize_for_inference", any_size=False),
        ),
        remark="also after `.float()`, `.half()`, `freeze` and `optimize_for_inference`",
    ),
)
