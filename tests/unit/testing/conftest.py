import numpy as np
import onnxruntime
import pytest

SIZES = {"batch": 2, "height": 128, "width": 160}


def session(model):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def noise(shape, dtype, seed, scale=1.0):
    sizes = [SIZES[d] if isinstance(d, str) else d for d in shape]
    if dtype == np.int64 or len(sizes) == 2:
        return np.full(sizes, 100, dtype)  # the picture's size, of a head that is told it
    return (np.random.default_rng(seed).random(sizes) * scale).astype(dtype)


@pytest.fixture
def answer():
    """Runs a model on noise between 0 and `scale`, and answers its outputs."""

    def run(model, *, seed=0, scale=1.0):
        opened = session(model)
        kinds = {"tensor(float16)": np.float16, "tensor(int64)": np.int64}
        feeds = {
            tensor.name: noise(tensor.shape, kinds.get(tensor.type, np.float32), seed, scale)
            for tensor in opened.get_inputs()
        }
        return opened.run(None, feeds)

    return run


@pytest.fixture
def open_session():
    return session
