"""What all trainings share: devices, batches ahead of them, steps, the log, the state that is resumed."""
