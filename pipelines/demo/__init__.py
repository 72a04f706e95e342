"""The embedded demo models: their weights as package data, and the world that they can draw."""
