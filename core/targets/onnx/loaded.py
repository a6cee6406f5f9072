"""An ONNX file, loaded by ONNX Runtime."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper

from ...heap import large_pieces_apart
from ...limits import ran_out_of_memory
from ...network.network import Dims
from ...precisions import Precision, prevailing
from ...text import in_utf8
from ..contract import Contract, Port
from ..loaded import Inspection, Origin, told
from ..provenance import PRODUCER, nms_of, origin_of
from .stored import StoredModel

Array = NDArray[Any]

_RUNTIME_DTYPES = {
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(double)": "float64",
    "tensor(int64)": "int64",
    "tensor(uint8)": "uint8",
}


class LoadedOnnx:
    """An ONNX model in a session. Loading raises what ONNX Runtime raises for a file that it cannot take."""

    def __init__(self, source: Path | bytes, device: str = "cpu", *, optimized: bool = True) -> None:
        """Load a file, or its bytes. `device`: `cpu`, or a CUDA device's index (falls back to the CPU).

        `optimized`: as users run it; without, it loads in half the time.
        """
        if isinstance(source, Path) and in_utf8(str(source)) != str(source):
            source = source.read_bytes()  # ONNX Runtime opens files by names in UTF-8 alone
        self._session = _session(source, device, optimized=optimized)
        self._stored = StoredModel(source)
        self._device = device

    @property
    def model(self) -> onnx.ModelProto:
        """The file's model, parsed anew, with all its weights."""
        return self._stored.whole()

    @property
    def provider(self) -> str:
        """The execution provider that runs it."""
        return self._session.get_providers()[0]

    @property
    def contract(self) -> Contract:
        inputs = [_port(port) for port in self._session.get_inputs()]
        if len(inputs) != 1:
            raise ValueError(f"the model has {len(inputs)} inputs")
        nms = nms_of(self._properties) if self.ours else None
        return Contract(inputs[0], tuple(_port(port) for port in self._session.get_outputs()), nms)

    @property
    def precision(self) -> Precision:
        elements: Counter[str] = Counter()
        for tensor in self._stored.brief.graph.initializer:
            elements[_dtype(tensor)] += math.prod(tensor.dims)
        return prevailing(elements)

    @property
    def ours(self) -> bool:
        return self._stored.brief.producer_name == PRODUCER

    @property
    def origin(self) -> Origin:
        return origin_of(self._properties)

    @property
    def _properties(self) -> Mapping[str, str]:
        return {prop.key: prop.value for prop in self._stored.brief.metadata_props}

    def run(self, image: Array) -> tuple[Array, ...]:
        return _run(self._session, image)

    def weights(self) -> Mapping[str, Array]:
        return self._stored.tensors()

    def lifted(self, constants: Collection[str], shown: Collection[str] = ()) -> LiftedOnnx:
        """The same model with its declared sizes lifted, so that it takes images of other sizes.

        `constants`: initializers that become inputs. `shown`: tensors that become outputs, the first ones. Raises
        `KeyError` if a constant is not there, and what ONNX Runtime raises for another tensor.
        """
        model = self._stored.fed(constants)
        del model.graph.value_info[:]
        image = model.graph.input[0].name
        weights = self._stored.large - set(constants)
        for port in (*model.graph.input, *model.graph.output):
            for axis, dim in enumerate(port.type.tensor_type.shape.dim):
                if port.name not in weights and (axis != 1 or port.name != image):
                    dim.dim_param = f"{port.name}_{axis}"
        model.graph.output.extend(map(_shown, shown))
        session = _session(model.SerializeToString(), self._device, optimized=False)
        return LiftedOnnx(session, self._stored.tensors(weights), shown)

    def showing(self, shown: Collection[str]) -> LiftedOnnx:
        """The same model as users run it, with tensors of it as outputs, the first ones.

        The file's own session is dropped before. Raises what ONNX Runtime raises if one is not there.
        """
        self.__dict__.pop("_session", None)
        model = self._stored.fed()
        model.graph.output.extend(map(_shown, shown))
        session = _session(model.SerializeToString(), self._device, optimized=True)
        return LiftedOnnx(session, self._stored.tensors(self._stored.large), shown)

    def behind(self, tensor: str) -> LiftedOnnx:
        """The nodes that follow on a tensor, float32 of any size, with the outputs that do.

        Raises `ValueError` if no output follows on it.
        """
        model = onnx.ModelProto()
        model.CopyFrom(self._stored.brief)
        graph = model.graph
        del graph.input[:], graph.value_info[:], graph.node[:], graph.initializer[:]
        reached = {tensor}
        for node in self._stored.brief.graph.node:
            if not reached.isdisjoint(node.input):
                reached.update(node.output)
        outputs = [port for port in graph.output if port.name in reached]
        del graph.output[:]
        graph.output.extend(outputs)
        wanted = {port.name for port in outputs}
        for node in reversed(self._stored.brief.graph.node):
            if not wanted.isdisjoint(node.output) and tensor not in node.output:
                wanted |= set(node.input)
                graph.node.insert(0, node)
        if tensor not in wanted:
            raise ValueError(f"no output follows on {tensor}")
        graph.input.append(_shown(tensor))
        graph.initializer.extend(each for each in self._stored.brief.graph.initializer if each.name in wanted)
        for port in graph.output:
            for axis, dim in enumerate(port.type.tensor_type.shape.dim):
                dim.dim_param = f"{port.name}_{axis}"
        return LiftedOnnx(_session(model.SerializeToString(), self._device, optimized=True), {}, ())

    def close(self) -> None:
        """Drop the session, and close the file."""
        self.__dict__.pop("_session", None)
        self._stored.close()

    def inspections(self) -> Sequence[Inspection]:
        """What the ONNX checker and shape inference say; memory that runs out is not that.

        They look at all but the values of the weights, whose number is compared with their dimensions here.
        """
        self.__dict__.pop("_session", None)
        try:
            onnx.checker.check_model(self._stored.fed().SerializeToString(), full_check=True)
        except Exception as error:  # the checker has exceptions of its own, and those of shape inference
            if ran_out_of_memory(error):
                raise
            return (Inspection("checker", False, f"the ONNX checker refuses the file: {told(error)}"),)
        return (Inspection("checker", True, "the ONNX checker accepts it"),)


class LiftedOnnx:
    """A changed copy of a model. Weights that are its inputs are read from the file for each run, and held as long.

    `shown`: the outputs that come first.
    """

    def __init__(
        self, session: onnxruntime.InferenceSession, weights: Mapping[str, Array], shown: Collection[str] = ()
    ) -> None:
        self._session, self._weights = session, weights
        own = (port.name for port in session.get_outputs())
        self._names = [*shown, *(name for name in own if name not in shown)]

    def run(self, image: Array, further: Mapping[str, Array] | None = None) -> tuple[Array, ...]:
        """Its answer to a float32 N×C×H×W image (cast to its input's dtype). `further`: its other inputs, by name."""
        return _run(self._session, image, {**self._weights, **(further or {})}, self._names)


def _session(source: Path | bytes, device: str, *, optimized: bool) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.enable_cpu_mem_arena = False  # which keeps what a run takes for the next one
    if not optimized:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    with large_pieces_apart():  # it holds all weights twice for a moment
        return onnxruntime.InferenceSession(source, options, providers=_providers(device))


def _shown(tensor: str) -> onnx.ValueInfoProto:
    """A float32 tensor as a port, whatever its dimensions."""
    return helper.make_tensor_value_info(tensor, TensorProto.FLOAT, None)


def _run(
    session: onnxruntime.InferenceSession,
    image: Array,
    further: Mapping[str, Array] = MappingProxyType({}),
    outputs: Sequence[str] | None = None,
) -> tuple[Array, ...]:
    """The answer to an image and to what further inputs there are. `outputs`: by name; None: all, in their order."""
    port = session.get_inputs()[0]
    dtype = _RUNTIME_DTYPES.get(port.type, "float32")
    pixels = np.rint(image * 255) if dtype == "uint8" else image  # such a model scales them itself
    feed = {port.name: pixels.astype(dtype, copy=False), **further}
    with large_pieces_apart():
        # Copied, since an answer lies in memory of the session's.
        return tuple(np.array(answer) for answer in cast(list[Array], session.run(outputs, feed)))


def _dtype(tensor: TensorProto) -> str:
    """The type of a tensor's elements, as numpy calls it."""
    return str(helper.tensor_dtype_to_np_dtype(tensor.data_type))


def _providers(device: str) -> list[Any]:
    if device == "cpu" or "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        return ["CPUExecutionProvider"]
    # TF32 would round FP32 convolutions to 10 bits of mantissa.
    return [("CUDAExecutionProvider", {"device_id": device, "use_tf32": "0"}), "CPUExecutionProvider"]


def _port(port: Any) -> Port:
    dims: Dims = tuple(port.shape)
    kind = str(port.type)
    return Port(port.name, _RUNTIME_DTYPES.get(kind, kind), dims)
