"""The same app, built plainly on what PyPI has. Each is a Django site of one module."""
