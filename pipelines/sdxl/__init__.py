"""The SDXL family: prompts, samplers, loading, and what a tick does to its rows."""
