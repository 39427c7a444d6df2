"""Rules: from what was detected in every view of a part to its verdict."""
