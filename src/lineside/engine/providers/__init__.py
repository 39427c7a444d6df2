"""One file an execution provider."""
