"""The YOLOv5 family: checkpoints of the yolov5 repository, v2.0 to today's master."""

NAME = "yolov5"  # of the family
