"""The commands, one module each; they join the layers below and print."""
