"""The only room that imports onnxruntime: providers, sessions and the cache of prepared models."""
