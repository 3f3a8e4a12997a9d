"""The Lambda function: its code, the event source mapping that feeds it, and its table."""
