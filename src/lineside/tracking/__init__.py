"""Which object is which over a stream of frames, and how many passed a line or were in a zone."""
