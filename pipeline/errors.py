"""What all errors that the pipeline raises itself have in common."""


class PipelineError(Exception):
    """Input, configuration or data that cannot be used; the message says what to do about it."""
