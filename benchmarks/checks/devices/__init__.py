"""Targets on other machines, over ssh or adb."""
