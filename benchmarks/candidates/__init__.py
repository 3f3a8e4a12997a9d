"""What is compared: Lambda functions and apps as their own documentation would have them written."""
