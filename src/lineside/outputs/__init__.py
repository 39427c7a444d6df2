"""Results for people and programs: annotated pictures, JSON lines and CSV."""
