"""Measures a server: a lean load generator, answers held against the offline model, and the bare model beside it."""
