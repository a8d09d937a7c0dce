"""The recipe as a dataclass, the losses, the Lightning module. Needs the `train` extra."""
