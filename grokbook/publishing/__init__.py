"""From chapter sources to a book that needs neither kernel nor network.

Import the module that you need: this package stays empty, because a chapter imports
`grokbook.publishing.parameters` and should not wait for papermill or Sphinx.
"""
