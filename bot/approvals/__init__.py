"""Requests that destroy mail: asked for by one, decided by someone who may, settled once, carried out once."""
