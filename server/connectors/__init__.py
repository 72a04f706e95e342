"""Connectors: places of an account to which its pictures are copied when a job has succeeded."""
