"""What the plant hears, and how it asks: the verdict path outwards."""
