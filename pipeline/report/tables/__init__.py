"""The tables beside Table 4: a file each, which holds its keys, what it reads and how it is made.

A class of anyone's own serves as well: ``tables: {mine: {table: package.module:Class}}`` (docs/tables.md).
"""
