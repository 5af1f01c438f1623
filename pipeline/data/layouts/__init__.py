"""Layouts of action data sets, one file each, with the reader of the lists and the published counts.

For your own class write ``layout: package.module:Class`` (docs/data.md).
"""
