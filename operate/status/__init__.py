"""Status: what goes on in a stack's pipelines, and what of it is wrong. It receives no message."""
