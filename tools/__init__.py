"""What writes pages of docs/, config/schema.json and envs/ from the code: `make docs`."""
