"""The same stacks with AWS CDK and AWS Solutions Constructs: queue, function and endpoint, as dev and as prod."""

import sys
from pathlib import Path

from aws_cdk import App, Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sagemaker as sagemaker
from aws_cdk import aws_sqs as sqs
from aws_solutions_constructs.aws_lambda_sagemakerendpoint import LambdaToSagemakerEndpoint
from aws_solutions_constructs.aws_sqs_lambda import SqsToLambda
from constructs import Construct

HANDLER = Path(__file__).resolve().parents[2] / "handler"
IMAGE = (
    "763104351884.dkr.ecr.eu-central-1.amazonaws.com/"
    "huggingface-pytorch-inference:2.6.0-transformers4.49.0-cpu-py312-ubuntu22.04"
)
Variant = sagemaker.CfnEndpointConfig.ProductionVariantProperty
Serverless = sagemaker.CfnEndpointConfig.ServerlessConfigProperty


class InferenceStack(Stack):
    def __init__(self, scope: Construct, name: str, capacity: dict[str, object]) -> None:
        super().__init__(scope, name)
        results = sqs.Queue(self, "results", enforce_ssl=True)
        fed = SqsToLambda(
            self,
            "queue",
            lambda_function_props=lambda_.FunctionProps(
                runtime=lambda_.Runtime.PYTHON_3_13,
                handler="index.handler",
                code=lambda_.Code.from_asset(str(HANDLER)),
                timeout=Duration.seconds(90),
            ),
        )
        results.grant_send_messages(fed.lambda_function)
        role = iam.Role(self, "role", assumed_by=iam.ServicePrincipal("sagemaker.amazonaws.com"))
        model = sagemaker.CfnModelProps(
            execution_role_arn=role.role_arn,
            primary_container=sagemaker.CfnModel.ContainerDefinitionProperty(
                image=IMAGE, environment={"HF_MODEL_ID": "papluca/xlm-roberta-base-language-detection"}
            ),
        )
        variant = Variant(variant_name="primary", model_name=name, initial_variant_weight=1, **capacity)
        LambdaToSagemakerEndpoint(
            self,
            "endpoint",
            existing_lambda_obj=fed.lambda_function,
            model_props=model,
            endpoint_config_props=sagemaker.CfnEndpointConfigProps(production_variants=[variant]),
        )


if __name__ == "__main__":
    app = App(outdir=sys.argv[1])
    InferenceStack(app, "dev", {"serverless_config": Serverless(memory_size_in_mb=6144, max_concurrency=10)})
    InferenceStack(app, "prod", {"instance_type": "ml.c5.xlarge", "initial_instance_count": 2})
    app.synth()
