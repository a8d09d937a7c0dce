"""The embedded model, in stages that run in the order of their numbers: `python -m recipes.embedded`."""
