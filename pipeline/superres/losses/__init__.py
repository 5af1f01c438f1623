"""Losses of SR networks, one file each: keys, formulas and requirements of a loss.

For your own class write ``losses: {mine: {loss: package.module:Class}}``. The contract is
``pipeline.config.superres.Loss``. Nothing is imported here, so that an edit of one loss does not rerun
trainings without it (docs/decisions/0001-params-and-fingerprints.md).
"""
