"""What writes pages of docs/ from the code: `make docs`."""
