"""Generators of pages in docs/: `make docs`."""
