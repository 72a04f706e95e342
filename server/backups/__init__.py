"""A server's whole state as one file, made while it runs, and put back elsewhere."""
