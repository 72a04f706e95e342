"""The engine: tasks become rows, rows share ticks, finished rows become pictures. `protocol.py` is its only door."""
