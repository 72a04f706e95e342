"""Webhooks: who is told how jobs end, in which words, and signed so that receivers know who told it."""
