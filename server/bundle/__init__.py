"""Bundles: models, wheels and the container image in one file, for machines that have no internet (docs/air-gap.md).

A bundle is a tar: the manifest, its sha256, its signature where it has one, then the files in the manifest's order.
"""
