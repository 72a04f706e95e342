"""Filters: what can be done to a picture without a model, from brightness to oil painting."""
