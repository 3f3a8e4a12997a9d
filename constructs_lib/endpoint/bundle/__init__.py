"""What is put into a container of AWS's for it to load a model of the Hugging Face Hub with a token."""
