"""Parts of a pipeline that exist elsewhere in the stack."""
