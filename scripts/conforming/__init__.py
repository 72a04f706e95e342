"""What scripts/conformance is made of: the clients, the pictures that they may send, the judge, the table."""
