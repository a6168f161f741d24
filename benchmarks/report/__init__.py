"""Views of a report: the same figures as text, Markdown and HTML."""
