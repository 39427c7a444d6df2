"""A model made smaller and faster in int8 or fp16, and judged before it is written."""
