"""DBNet text detectors, as ModelScope's cv_*_ocr-detection models save them."""

NAME = "dbnet"  # of the family
