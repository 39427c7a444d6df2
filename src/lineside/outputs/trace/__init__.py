"""The trace: one record a part, each holding the hash of the one before, and the pictures by their hashes."""
