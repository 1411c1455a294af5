"""How `make docs` builds these pages: Sphinx, with Markdown through MyST."""

from rota import __version__

project = "rota"
author = "The rota developers"
project_copyright = author
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.intersphinx", "sphinx.ext.viewcode"]
myst_enable_extensions = ["deflist", "colon_fence", "attrs_inline"]
myst_heading_anchors = 3

html_theme = "furo"
html_title = f"rota {version}"

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_class_signature = "mixed"
autodoc_default_options = {"members": True, "inherited-members": False, "show-inheritance": True}
python_use_unqualified_type_names = True
toc_object_entries_show_parents = "hide"

# No page is fetched to build: references into the standard library stay plain where the inventory is not at hand.
intersphinx_mapping: dict[str, tuple[str, None]] = {}
