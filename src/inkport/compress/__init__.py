"""From one checkpoint to a Pareto set: stages that make artefacts, and the measurement that compares them."""
