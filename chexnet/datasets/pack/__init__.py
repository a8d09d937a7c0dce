"""Images at the network's size in one memory-mapped array. Its door is ``chexnet.datasets``."""
