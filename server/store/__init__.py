"""State that outlives the process: the database's tables, what is done with their rows, and files of bytes."""
