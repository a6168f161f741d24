"""Adapting a recogniser to one hand with few of its lines, and how much that brings."""
