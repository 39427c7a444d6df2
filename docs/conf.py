from importlib.metadata import version as _version

project = "lineside"
author = "The lineside developers"
copyright = "The lineside developers, Apache-2.0"  # noqa: A001 # Sphinx's name for it
release = _version("lineside")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_heading_anchors = 3
myst_enable_extensions = ["deflist"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
html_theme = "alabaster"
html_theme_options = {"description": "Never silently wrong.", "fixed_sidebar": True}
autodoc_member_order = "bysource"
autodoc_typehints = "description"
nitpicky = False
