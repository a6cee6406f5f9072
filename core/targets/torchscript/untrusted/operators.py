"""What the code of a TorchScript file may name: operators from tensors to tensors, and what surrounds them.

A list of what is allowed, since torch has 1,700 operators and new ones with each release. Not on it: what reads or
writes files (`from_file`, `save`), prints, draws random numbers, waits for other machines, makes a view beyond a
tensor's own elements (`as_strided`, `set_`, `resize_`), and what no network for images needs.
"""

from __future__ import annotations


def _words(*texts: str) -> frozenset[str]:
    return frozenset(" ".join(texts).split())


_ARITHMETIC = """
    abs add addcdiv addcmul addmm baddbmm bmm ceil clamp clamp_max clamp_min cos cumsum div dot einsum erf exp expm1
    floor floor_divide fmod log log1p log2 logsumexp matmul maximum minimum mm mul mv neg outer pow prod reciprocal
    remainder round rsqrt rsub sign sin sqrt square sub sum tan true_divide trunc var std mean norm frobenius_norm
    linalg_vector_norm atan atan2 acos asin cosh sinh lerp
"""
_ACTIVATIONS = """
    celu elu gelu glu hardshrink hardsigmoid hardswish hardtanh leaky_relu log_sigmoid log_softmax mish prelu relu relu6
    selu sigmoid silu softmax softplus softshrink tanh threshold dropout
"""
_LAYERS = """
    _convolution _convolution_mode convolution conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d
    linear bilinear embedding batch_norm native_batch_norm instance_norm group_norm layer_norm native_layer_norm
    rms_norm scaled_dot_product_attention adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d
    adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d
    avg_pool1d avg_pool2d avg_pool3d max_pool1d max_pool2d max_pool3d
    max_pool2d_with_indices upsample_nearest1d upsample_nearest2d upsample_nearest3d upsample_linear1d
    upsample_bilinear2d upsample_bicubic2d upsample_trilinear3d _upsample_nearest_exact1d _upsample_nearest_exact2d
    _upsample_nearest_exact3d _upsample_bilinear2d_aa _upsample_bicubic2d_aa _upsample_lanczos2d_aa grid_sampler
    grid_sampler_2d affine_grid_generator pixel_shuffle pixel_unshuffle channel_shuffle im2col col2im pad
    constant_pad_nd reflection_pad1d reflection_pad2d reflection_pad3d replication_pad1d replication_pad2d
    replication_pad3d one_hot
"""
_SHAPES = """
    alias broadcast_tensors broadcast_to cat chunk clone concat contiguous copy detach expand expand_as flatten flip
    gather hstack index index_add index_put index_select masked_fill meshgrid movedim narrow numpy_T permute repeat
    repeat_interleave reshape reshape_as roll scatter scatter_add select slice split split_with_sizes squeeze stack
    swapaxes t take_along_dim tensor_split tile transpose type_as to unbind unflatten unfold unsafe_chunk unsafe_split
    unsqueeze view view_as vstack where tril triu diagonal numel dim size stride item element_size
"""
_COMPARISONS = """
    all any allclose eq equal ge gt le lt ne isfinite isinf isnan logical_and logical_not logical_or logical_xor
    bitwise_and bitwise_not bitwise_or argmax argmin argsort sort topk max min amax amin nonzero count_nonzero
    is_floating_point is_complex is_nonzero is_contiguous is_grad_enabled is_scripting requires_grad_
"""
_NEW = """
    arange empty empty_like eye full full_like linspace new_empty new_full new_ones new_zeros ones ones_like
    scalar_tensor tensor zeros zeros_like lift_fresh
"""
# What the printer of TorchScript makes of Python's own operators, numbers, lists and dicts.
_PYTHON = """
    Bool Float FloatImplicit Int IntImplicit ScalarImplicit __and__ __contains__ __derive_index __getitem__ __is__
    __isnot__ __lshift__ __not__ __or__ __range_length __rshift__ __xor__ _set_item append clear extend format get
    insert items keys len list mathremainder pop reverse dict device values str warn floordiv _shape_as_tensor
"""
# Those that also write their result over an intermediate one: nothing but the file's own tensors is in reach.
_IN_PLACE = """
    abs add addcdiv addcmul addmm bitwise_not ceil celu clamp clamp_max clamp_min copy cos cumsum div dropout elu exp
    fill floor floor_divide gelu hardsigmoid hardswish hardtanh index_add index_put leaky_relu log logical_not
    masked_fill mish mul neg pow reciprocal relu relu6 remainder round rsqrt scatter scatter_add selu sigmoid silu sin
    sqrt square squeeze sub tanh threshold transpose tril triu trunc unsqueeze zero
"""

OPERATORS = _words(_ARITHMETIC, _ACTIVATIONS, _LAYERS, _SHAPES, _COMPARISONS, _NEW, _PYTHON) | frozenset(
    f"{name}_" for name in _words(_IN_PLACE)
)
# By their names behind `ops.`; torch's own are printed as `torch.NAME`.
OTHER_OPERATORS = _words(
    """
    prim.NumToTensor prim.RaiseException prim.device prim.dtype prim.layout prim.is_cuda prim.max prim.min
    prim.abs prim.data prim.unchecked_unwrap_optional prim.itemsize
    """
)
# Called by a plain name: conversions, and the printer's own forms.
UNCHECKED = _words("unchecked_cast uninitialized")
FUNCTIONS = _words("annotate bool float int isinstance len range") | UNCHECKED
# Methods that a file may define, besides `forward`, `forward1`, …: what torch.nn itself has where it is scripted.
METHODS = _words("_check_input_dim _conv_forward _output_padding __len__")
# What a tensor or a tuple tells of itself.
ATTRIBUTES = _words("device dtype is_cuda layout ndim requires_grad shape")
SUPERCLASSES = frozenset(("Module", "NamedTuple"))
KEYWORDS = _words("""
    False None True and assert break class continue def elif else for if in is not or pass return
    """)
REFUSED_KEYWORDS = _words(
    "as async await del except finally from global import lambda nonlocal raise try while with yield"
)
