"""How many floating-point operations a second a device can do: from its maker's sheet, or by a large product."""

from __future__ import annotations

import time

import torch

DENSE_BF16 = {
    "H200": 989e12,
    "H100 NVL": 835e12,
    "H100 PCIe": 756e12,
    "H100": 989e12,
    "A100": 312e12,
    "L40S": 362e12,
    "L4": 121e12,
    "RTX 4090": 165e12,
    "RTX 3090": 71e12,
}
"""NVIDIA's sheets, without sparsity; the first name that a device's contains is it."""

TRIES = 5


def peak_flops(device: torch.device) -> tuple[float, str]:
    """In bf16, and where the number is from."""
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
        for known, flops in DENSE_BF16.items():
            if known in name:
                return flops, "by its sheet"
    size = 1024 if device.type == "cpu" else 8192
    return measured_flops(device, size), f"measured on matrices of {size}×{size}"


def measured_flops(device: torch.device, size: int) -> float:
    """Of the quickest of a few products of two bf16 matrices."""
    matrix = torch.randn(size, size, device=device, dtype=torch.bfloat16)
    quickest = float("inf")
    for _ in range(TRIES):
        _wait(device)
        began = time.perf_counter()
        matrix @ matrix
        _wait(device)
        quickest = min(quickest, time.perf_counter() - began)
    return 2 * size**3 / quickest


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
