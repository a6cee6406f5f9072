"""Checkpoints of the ultralytics package: YOLOv8 and what came after it."""

NAME = "ultralytics"  # of the family
