"""Enlarging with ESRGAN and its relatives: sizes (no torch), tiles (numpy), the network, and one picture's way."""
