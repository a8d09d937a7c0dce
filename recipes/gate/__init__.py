"""The gate: its images, then its network."""
