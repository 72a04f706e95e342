"""One file a change; the first line of each says what it is for."""
