"""From candidates to boxes: selection, decoding helpers and NMS."""
