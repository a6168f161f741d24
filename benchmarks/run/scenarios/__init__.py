"""Statistics and sequences of timing: intervals, the stop rule, scenarios, drift, overhead."""
