"""Published weights, in whatever file and under whatever names, into our networks.

A floor below the stages: it knows tensors and names, and of a network only what it is handed.
``formats/`` reads a kind of file each, ``families/`` renames a family of releases each, ``fitting`` says
what does not fit, ``provenance`` where weights come from; ``published`` puts them together. ``checkpoint``
writes and reads our own, of which ``description`` tells without torch.
"""

from pipeline.errors import PipelineError


class WeightsError(PipelineError, ValueError):
    """Weights that cannot be read, do not fit or must not be used; the message says which and why."""
