"""The options of an ONNX Runtime session, made of a provider's checked options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lineside.engine.hardware import usable_cores
from lineside.engine.options import Kind, Scope
from lineside.engine.runtime import onnxruntime, quiet_options

if TYPE_CHECKING:
    from lineside.engine.options import Option
    from lineside.engine.provider import Provider
    from lineside.engine.session import SessionRequest

_THREADS = "intra_op_num_threads"
_ENUMS = {"execution_mode": "ExecutionMode", "graph_optimization_level": "GraphOptimizationLevel"}


def session_options(provider: Provider, request: SessionRequest) -> Any:
    """An `onnxruntime.SessionOptions` for a session on a provider.

    An option of session scope is an attribute of it, or, where its key has a dot, an entry of its configuration.

    Args:
        provider: Whose session.
        request: What is asked of it.
    """
    options = quiet_options()
    options.intra_op_num_threads = request.threads or (usable_cores() if provider.name == "cpu" else 1)
    options.inter_op_num_threads = 1
    # The only truth about where nodes run; get_providers() names a provider that runs none of them, too.
    options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    # Idle threads that spin take the core from the next stage and from other sessions: 2.3 times slower
    # with two sessions in one process.
    if "force_spinning_stop" not in request.options:
        options.add_session_config_entry("session.force_spinning_stop", "1")
    for option in provider.options:
        if option.scope is Scope.SESSION and option.name in request.options:
            _set(options, option, request.options[option.name])
    if request.optimised:
        options.graph_optimization_level = onnxruntime().GraphOptimizationLevel.ORT_DISABLE_ALL
    return options


def provider_options(provider: Provider, request: SessionRequest) -> dict[str, str]:
    """What ONNX Runtime hands on to the provider, by its keys: the request's options, and where it keeps what it compiles."""
    values = dict(request.options)
    if request.folder is not None:
        kept = {
            name: text.replace("{folder}", str(request.folder)) for name, text in provider.with_folder.items()
        }
        values = kept | values
    return {
        option.key or option.name: values[option.name]
        for option in provider.options
        if option.scope is Scope.PROVIDER and option.name in values
    }


def _set(options: Any, option: Option, value: str) -> None:
    key = option.key or option.name
    if "." in key:
        options.add_session_config_entry(key, value)
    elif key in _ENUMS:
        setattr(options, key, getattr(getattr(onnxruntime(), _ENUMS[key]), value))
    else:
        setattr(options, key, value == option.on if option.kind is Kind.SWITCH else int(value))
