"""The settings of a line: `line.toml`."""
