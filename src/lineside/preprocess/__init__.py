"""Frame to model input, in place."""
