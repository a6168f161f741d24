"""Ablations: one training recipe, some arms that change a few of its keys, several seeds, equal budgets."""
