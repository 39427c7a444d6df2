"""What machine-vision cameras have in common, whatever library speaks to them: features, triggers, clocks, pictures."""
