"""What things cost: prices, estimates, and what an account has and used. The ledger itself is in the store."""
