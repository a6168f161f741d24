"""Training: recipes, augmentation, the loop, checkpoints."""
