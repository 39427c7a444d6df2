"""A plant's control played in software: one simulator, and one peer for each protocol that it speaks."""
