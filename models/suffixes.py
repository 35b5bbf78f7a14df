"""How files of weights end, and where in them our header lies."""

from __future__ import annotations

SUFFIXES = (".safetensors", ".pth", ".ckpt", ".pt", ".bin", ".pkl", ".tar", ".zip")

HEADER_KEY = "restoration_bench"
"""The entry of a safetensors file's metadata, or of an ONNX file's, that holds our header."""
