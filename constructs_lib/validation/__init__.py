"""Checks of settings, and the defaults that derive from them. Nothing here needs cdktf."""
