"""Networks, in torch: what training makes and what exporters read."""
