"""Live video: a decoder with a thread of its own, over the network or a cable."""
