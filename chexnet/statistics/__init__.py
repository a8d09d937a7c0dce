"""Statistics on plain arrays (NumPy only): they know no model and no file."""
