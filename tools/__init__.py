"""Tools that produce committed files. The app does not import them."""
