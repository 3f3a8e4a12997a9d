"""The batch inference function: SQS records in, one SageMaker request per micro-batch, results out as CloudEvents."""
