"""Two reports of ``inkport verify`` side by side: what changed, how sure that is, and whether it is a regression."""
