"""How the networks of this project are made and measured: `python -m recipes.…`, from the clone."""
