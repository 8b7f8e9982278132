"""What can be run, carried out once and kept: recipes, training, store, scales."""
