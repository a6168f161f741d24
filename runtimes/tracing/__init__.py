"""Values inside a network, by engine: what ``inkport.core.runtime.Traced`` asks of a session."""
