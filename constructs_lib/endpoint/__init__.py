"""The SageMaker endpoint: its models, what they run on, how it scales, and how it rolls back."""
