"""The one-file model: load, run, calibrate into a Prediction with maps."""
