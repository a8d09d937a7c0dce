"""``python -m chexnet``."""

from chexnet.cli import main

main()
