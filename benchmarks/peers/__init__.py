"""The same app, built with common packages from PyPI. Each is a Django site of one module."""
