"""How often an account may ask: tiers from a file of the operator, and where an account stands."""
