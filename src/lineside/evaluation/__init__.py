"""Data sets, COCO metrics, escape and overkill rates, and their report."""
