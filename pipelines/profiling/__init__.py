"""What a device can do, measured: `darkroom profile`, and the engine fitted to what it found."""
