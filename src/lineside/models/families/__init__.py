"""One file a model family: how its head is matched, decoded and fed."""
