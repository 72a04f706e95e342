"""The JSON bodies of Darkroom's own API: one file for each family of tasks, and `kinds`, which knows them all."""
