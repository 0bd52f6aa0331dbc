"""All our requests to authorization servers. Every one goes through `pipeline`."""
