"""One file a hint: what is known against a form of file, and the cure. See docs/how-to/lint-hint.md."""
