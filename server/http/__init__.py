"""What every request meets: ids, limits, keys, checked bodies, and errors in the caller's dialect."""
