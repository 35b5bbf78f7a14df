"""Formats that a network can be written in for other programs. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

OPSET = 18
"""The version of ONNX's operators."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One row of the table.

    ``write`` is ``module:function`` from a network, a path and an image (B,C,H,W) to a file;
    ``open`` one from the path, a device and the network to what runs the file on such images;
    ``tell`` one that adds entries of metadata to it, where the format has some.
    """

    name: str
    title: str
    suffix: str
    write: str
    open: str
    tell: str | None = None


FORMATS: dict[str, Format] = {
    row.name: row
    for row in (
        Format(
            name="onnx",
            title=f"ONNX, opset {OPSET}: onnxruntime, browsers, phones",
            suffix=".onnx",
            write="models.export:export_onnx",
            open="models.export:open_onnx",
            tell="models.export:write_metadata",
        ),
        Format(
            name="torch.export",
            title="a program of torch.export: torch without our code, AOTInductor, ExecuTorch",
            suffix=".pt2",
            write="models.export:write_torch_export",
            open="models.export:open_torch_export",
        ),
        Format(
            name="torchscript",
            title="TorchScript by tracing, which torch calls deprecated: libtorch of today",
            suffix=".pt",
            write="models.export:write_torchscript",
            open="models.export:open_torchscript",
        ),
        Format(
            name="safetensors",
            title="safetensors: the weights alone, for programs that have the network",
            suffix=".safetensors",
            write="models.export:write_safetensors",
            open="models.export:open_safetensors",
            tell="models.export:write_safetensors_metadata",
        ),
    )
}
