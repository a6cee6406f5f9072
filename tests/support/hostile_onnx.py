"""Small ONNX models with a large appetite, or with wishes that no network has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper

IMAGE = ("n", 3, "h", "w")
HUGE = 2**62


def port(name: str, dims: Sequence[str | int | None] = IMAGE, kind: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, dims)


def integers(name: str, *values: int) -> TensorProto:
    return numpy_helper.from_array(np.array(values, np.int64), name)


def scalar(name: str, value: Any, dtype: Any = np.int64) -> TensorProto:
    return numpy_helper.from_array(np.array(value, dtype), name)


def convolution(source: str = "images", target: str = "output0") -> NodeProto:
    return helper.make_node("Conv", [source, "w"], [target])


def weight() -> TensorProto:
    return numpy_helper.from_array(np.eye(3, dtype=np.float32).reshape(3, 3, 1, 1), "w")


def graph(
    nodes: Sequence[NodeProto], tensors: Sequence[TensorProto] = (), dims: Sequence[str | int] = IMAGE
) -> GraphProto:
    return helper.make_graph(list(nodes), "g", [port("images", dims)], [port("output0")], [weight(), *tensors])


def model(
    nodes: Sequence[NodeProto], tensors: Sequence[TensorProto] = (), dims: Sequence[str | int] = IMAGE, **more: Any
) -> ModelProto:
    """A model from `images` to `output0`, with a convolution's weight `w`."""
    opsets = [helper.make_opsetid("", 17), *(helper.make_opsetid(domain, 1) for domain in more.pop("domains", ()))]
    graph = helper.make_graph(list(nodes), "g", [port("images", dims)], [port("output0")], [weight(), *tensors])
    return helper.make_model(graph, opset_imports=opsets, ir_version=8, **more)


def sound() -> ModelProto:
    """A model that is not hostile at all."""
    return model([convolution()])


# ---- loops


def _loop(trips: str, condition: str = "", *, inner: Sequence[NodeProto] = ()) -> tuple[NodeProto, GraphProto]:
    """A loop that adds `images` to what it carries."""
    body = helper.make_graph(
        [helper.make_node("Identity", ["on"], ["on_"]), *inner, helper.make_node("Add", ["x", "images"], ["y"])],
        "body",
        [port("i", (), TensorProto.INT64), port("on", (), TensorProto.BOOL), port("x")],
        [port("on_", (), TensorProto.BOOL), port("y")],
    )
    return helper.make_node("Loop", [trips, condition, "start"], ["output0"], body=body), body


def loop_told() -> ModelProto:
    """So many steps, written in the file."""
    return model([convolution("images", "start"), _loop("n")[0]], [scalar("n", HUGE)])


def loop_in_a_constant() -> ModelProto:
    constant = helper.make_node("Constant", [], ["n"], value=scalar("n", HUGE))
    return model([convolution("images", "start"), constant, _loop("n")[0]])


def loop_of_the_image() -> ModelProto:
    """So many steps as follow from the image: nobody knows them before."""
    nodes = [
        convolution("images", "start"),
        helper.make_node("ReduceMax", ["images"], ["m"], keepdims=0),
        helper.make_node("Cast", ["m"], ["k"], to=TensorProto.INT64),
        helper.make_node("Add", ["k", "a"], ["n"]),
        _loop("n")[0],
    ]
    return model(nodes, [scalar("a", 2**60)])


def loop_without_end() -> ModelProto:
    """As long as a condition is true, which it always is."""
    return model([convolution("images", "start"), _loop("", "true")[0]], [scalar("true", True, np.bool_)])


def loops_in_loops() -> ModelProto:
    inner = helper.make_graph(
        [
            helper.make_node("Identity", ["on2"], ["on2_"]),
            helper.make_node("Sin", ["x2"], ["y2"]),
        ],
        "inner",
        [port("i2", (), TensorProto.INT64), port("on2", (), TensorProto.BOOL), port("x2")],
        [port("on2_", (), TensorProto.BOOL), port("y2")],
    )
    node = helper.make_node("Loop", ["n", "", "x"], ["z"], body=inner)
    outer, body = _loop("n", inner=[node])
    body.node[-1].input[1] = "z"
    outer.attribute[0].g.CopyFrom(body)
    return model([convolution("images", "start"), outer], [scalar("n", 100_000)])


# ---- memory


def _filled(shape: NodeProto, *tensors: TensorProto) -> ModelProto:
    """A model that adds one element of a tensor of zeros to the image; `shape` makes `shape`."""
    nodes = [
        shape,
        helper.make_node("ConstantOfShape", ["shape"], ["zeros"]),
        helper.make_node("ReduceMax", ["zeros"], ["zero"], keepdims=0),
        convolution("images", "c"),
        helper.make_node("Add", ["c", "zero"], ["output0"]),
    ]
    return model(nodes, tensors)


def zeros_told() -> ModelProto:
    """64 GB of zeros: made while the file is loaded, since they are constant."""
    return _filled(helper.make_node("Identity", ["dims"], ["shape"]), integers("dims", 2**34))


def zeros_beyond_count() -> ModelProto:
    return _filled(helper.make_node("Identity", ["dims"], ["shape"]), integers("dims", 2**40, 2**40, 2**40))


def zeros_of_the_image() -> ModelProto:
    """The same, of a size that follows from the image's."""
    nodes = helper.make_node("Mul", ["size", "dims"], ["shape"])
    made = _filled(nodes, integers("dims", 2**14, 2**14, 2**5, 1))
    made.graph.node.insert(0, helper.make_node("Shape", ["images"], ["size"]))
    return made


def padded() -> ModelProto:
    pad = helper.make_node("Pad", ["images", "pads"], ["p"])
    slim = helper.make_node("GlobalMaxPool", ["p"], ["q"])
    return model([pad, slim, convolution("q")], [integers("pads", 0, 0, 0, 0, 0, 0, 100_000, 100_000)])


def resized() -> ModelProto:
    resize = helper.make_node("Resize", ["images", "", "scales"], ["p"], mode="nearest")
    scales = numpy_helper.from_array(np.array([1, 1, 3000, 3000], np.float32), "scales")
    return model([resize, helper.make_node("GlobalMaxPool", ["p"], ["q"]), convolution("q")], [scales])


def ranged() -> ModelProto:
    nodes = [
        helper.make_node("Range", ["zero", "many", "one"], ["r"]),
        helper.make_node("ReduceMax", ["r"], ["m"], keepdims=0),
        convolution("images", "c"),
        helper.make_node("Add", ["c", "m"], ["output0"]),
    ]
    return model(nodes, [scalar(n, v, np.float32) for n, v in (("zero", 0), ("many", 1e10), ("one", 1e-3))])


def sized() -> ModelProto:
    """An image of 2⁴⁰ pixels."""
    return model([convolution()], dims=(1, 3, 2**20, 2**20))


def negative() -> ModelProto:
    made = model([convolution()], dims=(1, 3, 64, 64))
    made.graph.input[0].type.tensor_type.shape.dim[2].dim_value = -64
    return made


def doubling() -> ModelProto:
    """Each of sixty nodes makes twice what it was given."""
    nodes = [helper.make_node("Concat", [f"x{i}"] * 2, [f"x{i + 1}"], axis=3) for i in range(60)]
    slim = [helper.make_node("GlobalMaxPool", ["x60"], ["q"]), convolution("q")]
    return model([helper.make_node("Identity", ["images"], ["x0"]), *nodes, *slim])


def heavy() -> ModelProto:
    """Work without memory, and all of it honest: three thousand convolutions of a large image."""
    nodes = [helper.make_node("Identity", ["images"], ["x0"])]
    for i in range(3000):
        nodes += [
            helper.make_node("Resize", [f"x{i}", "", "", "sizes"], [f"y{i}"], mode="nearest"),
            helper.make_node("Conv", [f"y{i}", "v"], [f"x{i + 1}"], pads=[7] * 4),
        ]
    v = numpy_helper.from_array(np.ones((3, 3, 15, 15), np.float32) / 675, "v")
    return model([*nodes, convolution("x3000")], [integers("sizes", 1, 3, 640, 640), v])


# ---- data that is not what it says


def short_data() -> ModelProto:
    made = sound()
    made.graph.initializer[0].dims[:] = [3, 3, 1000, 1000]
    return made


def overflowing_dims() -> ModelProto:
    """Their product is 9, modulo 2⁶⁴."""
    made = sound()
    made.graph.initializer[0].dims[:] = [2**32, 2**32, 3, 3]
    return made


def negative_dims() -> ModelProto:
    made = sound()
    made.graph.initializer[0].dims[:] = [-3, -3, 1, 1]
    return made


def many_dims() -> ModelProto:
    made = sound()
    made.graph.initializer[0].dims[:] = [1] * 200_000
    return made


def unknown_type() -> ModelProto:
    made = sound()
    made.graph.initializer[0].data_type = 12345
    return made


def names_of_bytes() -> ModelProto:
    """Names that are not UTF-8, of a tensor that is refused by its name, too."""
    data = short_data().SerializeToString()
    name = b"B\x01w"  # the tensor's
    return ModelProto.FromString(data.replace(name, b"B\x01\xff"))


def sparse() -> ModelProto:
    made = sound()
    values = numpy_helper.from_array(np.ones(1, np.float32), "s")
    made.graph.sparse_initializer.append(helper.make_sparse_tensor(values, integers("", 0), [2**17, 2**17]))
    return made


def sparse_constant() -> ModelProto:
    values = numpy_helper.from_array(np.ones(1, np.float32), "s")
    node = helper.make_node(
        "Constant", [], ["s"], sparse_value=helper.make_sparse_tensor(values, integers("", 0), [2**34])
    )
    return model([node, convolution()])


# ---- much of everything


def many_nodes() -> ModelProto:
    nodes = [helper.make_node("Identity", [f"x{i}"], [f"x{i + 1}"]) for i in range(150_000)]
    nodes[0].input[0] = "images"
    return model([*nodes, convolution("x150000")])


def wide_node() -> ModelProto:
    return model([helper.make_node("Sum", ["images"] * 500_000, ["s"]), convolution("s")])


def deep_graphs() -> ModelProto:
    """If inside of If inside of If."""
    inner = helper.make_graph([helper.make_node("Identity", ["images"], ["y0"])], "b", [], [port("y0")])
    for i in range(40):
        node = helper.make_node("If", ["true"], [f"y{i + 1}"], then_branch=inner, else_branch=inner)
        inner = helper.make_graph([node], "b", [], [port(f"y{i + 1}")])
        if inner.ByteSize() > 2**20:  # each level is there twice
            break
    made = model([convolution("images", "c")], [scalar("true", True, np.bool_)])
    made.graph.node.extend(inner.node)
    made.graph.node.append(helper.make_node("Add", ["c", inner.output[0].name], ["output0"]))
    return made


def _functions(bodies: Sequence[Sequence[str]]) -> ModelProto:
    """Functions `f0`, `f1`, …, each a chain of calls of the names that are listed for it; the graph calls the last."""
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    functions: list[onnx.FunctionProto] = []
    for i, called in enumerate(bodies):
        names = ["x", *(f"x{k}" for k in range(len(called) - 1)), "y"]
        nodes = [
            helper.make_node(name, [names[k]], [names[k + 1]], domain="own" if name.startswith("f") else "")
            for k, name in enumerate(called)
        ]
        functions.append(helper.make_function("own", f"f{i}", ["x"], ["y"], nodes, opsets))
    last = helper.make_node(f"f{len(bodies) - 1}", ["images"], ["c"], domain="own")
    return model([last, convolution("c")], domains=["own"], functions=functions)


def laughing_functions() -> ModelProto:
    """Each of forty functions calls the one before it twice."""
    return _functions([["Relu"], *([f"f{i}"] * 2 for i in range(40))])


def endless_functions() -> ModelProto:
    return _functions([["f1"], ["f0"]])


def function_of_itself() -> ModelProto:
    return _functions([["f0"]])


# ---- wishes


def foreign_operator() -> ModelProto:
    node = helper.make_node("EPContext", ["images"], ["c"], domain="com.microsoft", ep_cache_context="/etc/passwd")
    return model([node, convolution("c")], domains=["com.microsoft"])


def library_operator() -> ModelProto:
    node = helper.make_node("PyOp", ["images"], ["c"], domain="ai.onnx.contrib", module="os")
    return model([node, convolution("c")], domains=["ai.onnx.contrib"])


def no_opset() -> ModelProto:
    made = sound()
    del made.opset_import[:]
    made.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    return made


def future_opset() -> ModelProto:
    made = sound()
    made.opset_import[0].version = 2**40
    return made


def no_input() -> ModelProto:
    made = model([helper.make_node("Identity", ["w"], ["output0"])])
    del made.graph.input[:]
    return made


def no_output() -> ModelProto:
    made = sound()
    del made.graph.output[:]
    return made


def two_inputs() -> ModelProto:
    made = model([helper.make_node("Add", ["images", "more"], ["c"]), convolution("c")])
    made.graph.input.append(port("more"))
    return made


def strings() -> ModelProto:
    made = sound()
    made.graph.input[0].type.tensor_type.elem_type = TensorProto.STRING
    return made


def circle() -> ModelProto:
    return model(
        [helper.make_node("Add", ["images", "b"], ["a"]), helper.make_node("Relu", ["a"], ["b"]), convolution("b")]
    )


def twice() -> ModelProto:
    return model([convolution(), convolution()])


def lying_size() -> ModelProto:
    """It says that we made it, for an image of 2³⁰ pixels."""
    made = model([convolution()], producer_name="halfpint")
    helper.set_model_props(made, {"input_size": "1×3×32768×32768"})
    return made


def not_a_number() -> ModelProto:
    nodes = [convolution("images", "c"), helper.make_node("Log", ["minus"], ["nan"])]
    tensors = [scalar("minus", -1, np.float32)]
    return model([*nodes, helper.make_node("Add", ["c", "nan"], ["output0"])], tensors)


def infinite() -> ModelProto:
    nodes = [convolution("images", "c"), helper.make_node("Div", ["c", "zero"], ["output0"])]
    return model(nodes, [scalar("zero", 0, np.float32)])
