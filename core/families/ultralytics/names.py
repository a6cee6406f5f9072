"""The names that checkpoints of the ultralytics package may mention, each by itself: what is not here is refused.

Listed are the package's own layers, heads and models, also those whose networks are not described here: they are told
by name. Records of them stay records.
"""

from __future__ import annotations

from ...weights.names import Names

_PACKAGE = "ultralytics."
_TASKS = """
    BaseModel DetectionModel SegmentationModel PoseModel OBBModel ClassificationModel RTDETRDetectionModel WorldModel
    YOLOEModel YOLOESegModel Ensemble
"""
# Up to 8.0.43 all of these lay in `nn.modules`; since then in a module of their kind.
_LAYERS = {
    "block": """
        A2C2f AAttn ABlock ADown AConv Attention BNContrastiveHead Bottleneck BottleneckCSP C1 C2 C2f C2fAttn C2fCIB
        C2fPSA C2PSA C3 C3Ghost C3k C3k2 C3TR C3x CBFuse CBLinear CIB ContrastiveHead DFL ELAN1 GhostBottleneck
        HGBlock HGStem ImagePoolingAttn MaxSigmoidAttnBlock Proto Proto26 PSA PSABlock RealNVP RepBottleneck RepC3
        RepCSP RepNCSPELAN4 RepVGGDW Residual ResNetBlock ResNetLayer SAVPE SCDown SPP SPPELAN SPPF SwiGLUFFN
        TorchVision
    """,
    "conv": """
        CBAM ChannelAttention Concat Conv Conv2 ConvTranspose DWConv DWConvTranspose2d Focus GhostConv Index LightConv
        RepConv SpatialAttention
    """,
    "head": """
        Classify Depth Detect LRPCHead OBB OBB26 Pose Pose26 RTDETRDecoder Segment Segment26 SemanticSegment
        WorldDetect YOLOEDetect YOLOESegment YOLOESegment26 v10Detect
    """,
    "transformer": """
        AIFI DeformableTransformerDecoder DeformableTransformerDecoderLayer LayerNorm2d MLP MLPBlock MSDeformAttn
        TransformerBlock TransformerEncoderLayer TransformerLayer
    """,
}
# What training leaves in a checkpoint, beside the model: its settings and, on some occasions, its loss.
_SETTINGS = ("ultralytics.utils.IterableSimpleNamespace", "ultralytics.yolo.utils.IterableSimpleNamespace")
_LOSSES = """
    utils.loss.v8DetectionLoss utils.loss.v8SegmentationLoss utils.loss.v8PoseLoss utils.loss.v8OBBLoss
    utils.loss.v8ClassificationLoss utils.loss.E2ELoss utils.loss.E2EDetectLoss utils.loss.BboxLoss
    utils.loss.RotatedBboxLoss utils.loss.DFLoss utils.loss.KeypointLoss utils.tal.TaskAlignedAssigner
    utils.tal.RotatedTaskAlignedAssigner
"""
# The first versions read their settings with omegaconf, and pickled what it made of them.
_FIRST_SETTINGS = """
    omegaconf.base.ContainerMetadata omegaconf.base.Metadata omegaconf.dictconfig.DictConfig
    omegaconf.listconfig.ListConfig omegaconf.nodes.AnyNode typing.Any
"""

NAMES = Names(
    frozenset(
        [
            *(f"{_PACKAGE}nn.tasks.{name}" for name in _TASKS.split()),
            *(f"{_PACKAGE}nn.modules.{name}" for names in _LAYERS.values() for name in names.split()),
            *(f"{_PACKAGE}nn.modules.{kind}.{name}" for kind, names in _LAYERS.items() for name in names.split()),
            *_SETTINGS,
            *(f"{_PACKAGE}{name}" for name in _LOSSES.split()),
            *_FIRST_SETTINGS.split(),
        ]
    )
)
MODELS = frozenset(f"{_PACKAGE}nn.tasks.{name}" for name in _TASKS.split())
