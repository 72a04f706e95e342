"""Faces: where they are, and what a network makes of those that are blurred or broken."""
