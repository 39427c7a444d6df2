"""An .onnx file understood: graph, card, head recognition, families, surgery and checks."""
