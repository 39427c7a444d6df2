"""Files rewritten so that they run better or elsewhere, each rewriting proven against the original."""
