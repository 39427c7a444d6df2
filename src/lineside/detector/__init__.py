"""Preprocess, engine and postprocess as one callable: image in, Detections out."""
