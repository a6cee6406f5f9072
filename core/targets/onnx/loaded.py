"""An ONNX file, loaded by ONNX Runtime."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from typing import Any, cast

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from ...limits import ran_out_of_memory
from ...network.network import Dims
from ...precisions import Precision, prevailing
from ..contract import Contract, Port
from ..loaded import Inspection, Origin, told
from ..provenance import PRODUCER, origin_of

Array = NDArray[Any]

_RUNTIME_DTYPES = {"tensor(float)": "float32", "tensor(float16)": "float16", "tensor(double)": "float64"}


class LoadedOnnx:
    """An ONNX model in a session. Loading raises what ONNX Runtime raises for a file that it cannot take."""

    def __init__(self, data: bytes, device: str = "cpu", *, optimized: bool = True) -> None:
        """Load a serialized model. `device`: `cpu`, or a CUDA device's index (falls back to the CPU).

        `optimized`: as users run it; without, it loads in half the time.
        """
        self._data = data
        self._device = device
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        if not optimized:
            options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        self._session = onnxruntime.InferenceSession(data, options, providers=_providers(device))

    @cached_property
    def model(self) -> onnx.ModelProto:
        """The file's model, parsed."""
        return onnx.load_from_string(self._data)

    @property
    def provider(self) -> str:
        """The execution provider that runs it."""
        return self._session.get_providers()[0]

    @property
    def contract(self) -> Contract:
        inputs = [_port(port) for port in self._session.get_inputs()]
        if len(inputs) != 1:
            raise ValueError(f"the model has {len(inputs)} inputs")
        return Contract(inputs[0], tuple(_port(port) for port in self._session.get_outputs()))

    @property
    def precision(self) -> Precision:
        elements: Counter[str] = Counter()
        for tensor in self.model.graph.initializer:
            elements[_dtype(tensor)] += math.prod(tensor.dims)
        return prevailing(elements)

    @property
    def ours(self) -> bool:
        return self.model.producer_name == PRODUCER

    @property
    def origin(self) -> Origin:
        return origin_of({prop.key: prop.value for prop in self.model.metadata_props})

    def run(self, image: Array, further: Mapping[str, Array] | None = None) -> tuple[Array, ...]:
        """Its answer to a float32 N×C×H×W image (cast to its input's dtype). `further`: the other inputs of a copy."""
        port = self._session.get_inputs()[0]
        feed = {port.name: image.astype(_RUNTIME_DTYPES.get(port.type, "float32"), copy=False), **(further or {})}
        # Copied, since an answer lies in the session's arena, and keeps all of it from being freed.
        return tuple(np.array(answer) for answer in cast(list[Array], self._session.run(None, feed)))

    def weights(self) -> Mapping[str, Array]:
        return {tensor.name: numpy_helper.to_array(tensor) for tensor in self.model.graph.initializer}

    def lifted(self, constants: Collection[str]) -> LoadedOnnx:
        """The same model with its declared sizes lifted, so that it takes images of other sizes.

        `constants`: initializers that become inputs. Raises `KeyError` if one is not there.
        """
        model = onnx.ModelProto.FromString(self._data)
        del model.graph.value_info[:]
        for port in (*model.graph.input, *model.graph.output):
            for axis, dim in enumerate(port.type.tensor_type.shape.dim):
                if axis != 1 or port.name != model.graph.input[0].name:
                    dim.dim_param = f"{port.name}_{axis}"
        places = {tensor.name: i for i, tensor in enumerate(model.graph.initializer)}
        for index in sorted((places[name] for name in constants), reverse=True):
            tensor = model.graph.initializer.pop(index)
            port = onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, [None] * len(tensor.dims))
            model.graph.input.append(port)
        return LoadedOnnx(model.SerializeToString(), self._device, optimized=False)

    def close(self) -> None:
        """Drop the session and the parsed model."""
        self.__dict__.pop("_session", None)
        self.__dict__.pop("model", None)

    def inspections(self) -> Sequence[Inspection]:
        """What the ONNX checker and shape inference say; memory that runs out is not that."""
        self.close()  # both at a time take twice the memory
        try:
            onnx.checker.check_model(self._data, full_check=True)
        except Exception as error:  # the checker has exceptions of its own, and those of shape inference
            if ran_out_of_memory(error):
                raise
            return (Inspection("checker", False, f"the ONNX checker refuses the file: {told(error)}"),)
        return (Inspection("checker", True, "the ONNX checker accepts it"),)


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
