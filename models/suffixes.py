"""How files of weights end."""

from __future__ import annotations

SUFFIXES = (".safetensors", ".pth", ".ckpt", ".pt", ".bin", ".pkl", ".tar", ".zip")
