"""What all trainings share: devices, torch's settings, the state that a stopped training goes on from."""
