"""From one checkpoint to a Pareto set: stages that make artifacts, and the measurement that compares them."""
