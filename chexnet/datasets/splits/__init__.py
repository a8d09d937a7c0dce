"""Dividing a data set by patient, and the lists that record it. Its door is ``chexnet.datasets``."""
