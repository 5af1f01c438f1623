"""What SR networks are trained on: a file each, which holds a loss's keys, its formulas and what it needs.

A class of anyone's own serves as well: ``losses: {mine: {loss: package.module:Class}}``. The contract is
``pipeline.config.superres.Loss``. Nothing is imported here, so that an edit of one loss leaves the trainings
without it as they are (docs/decisions/0001-params-and-fingerprints.md).
"""
