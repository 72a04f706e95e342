"""In which numbers a stage computes: mostly bfloat16, where the processor has it."""

import torch

BFLOAT16_INSTRUCTIONS = ("amx_bf16", "avx512_bf16", "bf16")  # the last is ARM's


def autocast(device: torch.device) -> torch.autocast:
    """To bfloat16, but on a CPU without instructions for it, where products take four times as long as in float32."""
    capabilities = torch.cpu.get_capabilities()
    computes = device.type != "cpu" or any(capabilities.get(name) for name in BFLOAT16_INSTRUCTIONS)
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=computes)
