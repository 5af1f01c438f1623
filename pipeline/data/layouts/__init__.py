"""Layouts of action data sets: a file each, which reads the lists and knows what is published.

A class of anyone's own serves as well: ``layout: package.module:Class`` (docs/data.md).
"""
