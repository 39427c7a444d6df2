"""Words without I/O that the rooms share."""
