"""ChestX-ray14 and plain CSV manifests, patient-wise splits."""
