"""`python -m server` is the command `darkroom`."""

from server.cli import main

main()
