"""One video at a time, without a run: the functions behind ``from pipeline import ...`` and the commands."""
