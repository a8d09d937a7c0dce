"""The columns of Table 2 and the network of Table 1, each trained by one command."""
