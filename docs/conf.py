"""Sphinx's settings. `make docs` builds the pages to build/docs, with warnings as errors and no network."""

import sys
from importlib import metadata
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import example_notebooks
import reference

project = "Lightlag"
author = "The Lightlag developers"
copyright = author
release = metadata.version("lightlag")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
source_suffix = {".md": "markdown"}
exclude_patterns = []
suppress_warnings = [
    "myst.xref_missing"
]  # of links to files of the repository; tests/docs holds them

myst_enable_extensions = ["colon_fence", "deflist", "fieldlist"]
myst_heading_anchors = 3
myst_links_external_new_tab = False

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True}
napoleon_google_docstring = True
napoleon_numpy_docstring = False

html_theme = "furo"
html_title = "Lightlag"
html_static_path = ["static", "generated/static"]
html_css_files = ["lightlag.css"]
html_js_files = ["headings.js"]
html_copy_source = False
html_theme_options = {
    "light_css_variables": {
        "color-brand-primary": "#2458b3",
        "color-brand-content": "#2458b3",
    },
    "dark_css_variables": {
        "color-brand-primary": "#8ab4ff",
        "color-brand-content": "#8ab4ff",
    },
}

generated = Path(__file__).parent / "generated"
reference.write(generated)
example_notebooks.write(generated / "notebooks", generated / "static")
