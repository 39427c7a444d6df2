"""The protocols of the plant, a file each; `outputs/plant/link.py` says what a kind holds."""
