"""A production line in a box: parts drawn on a conveyor, with the truth about each defect."""
