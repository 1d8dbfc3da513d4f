"""Tensors to a device without waiting for what the device still has to do."""

import torch
from torch import Tensor


def moved(values: Tensor, device: torch.device | str) -> Tensor:
    """Copy a tensor to a device.

    A copy from ordinary memory to a GPU waits for all that the GPU has to do; one from memory that the driver knows to
    stay where it is (pinned) takes its turn, and PyTorch keeps that memory until it is read.
    """
    if torch.device(device).type == "cpu" or values.device.type != "cpu":
        return values.to(device)
    return values.pin_memory().to(device, non_blocking=True)
