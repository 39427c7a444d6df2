"""What machine-vision cameras send, made into pictures: the formats of GenICam's naming convention to uint8 BGR."""
