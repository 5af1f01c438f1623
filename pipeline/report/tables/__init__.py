"""The tables beside Table 4, one file each: their keys, what they read and how they are made.

For your own class write ``tables: {mine: {table: package.module:Class}}`` (docs/tables.md).
"""
