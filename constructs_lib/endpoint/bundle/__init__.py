"""Code for a container of AWS's, so that it loads a model of the Hugging Face Hub with a token."""
