"""DenseNet-121, importing weights, ONNX export. Needs the `train` extra."""
