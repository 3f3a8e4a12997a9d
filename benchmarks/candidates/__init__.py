"""The candidates: Lambda functions and apps, written as their own documentation recommends."""
