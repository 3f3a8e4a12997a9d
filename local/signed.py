"""Functions whose code is signed get the unsigned code: the embedded AWS signs nothing."""

import re
from dataclasses import replace

from local.template import Block, Template, references

SIGNED_KEY = re.compile(r"\$\{(aws_signer_signing_job\.[\w-]+)\.signed_object\[0\]\.s3\[0\]\.key\}")


def with_unsigned_code(template: Template) -> Template:
    """Return the template with each function's own file in place of the one that a job signs."""
    return replace(template, blocks={address: _unsigned(block, template) for address, block in template.blocks.items()})


def _unsigned(block: Block, template: Template) -> Block:
    key = SIGNED_KEY.fullmatch(block.arguments.get("s3_key", "")) if block.type == "aws_lambda_function" else None
    if key is None:
        return block
    job = template.blocks[key[1]]
    ((upload, _),) = references(job.arguments["source"]["s3"]["key"])
    arguments = {name: value for name, value in block.arguments.items() if name not in ("s3_bucket", "s3_key")}
    return replace(block, arguments={**arguments, "filename": template.blocks[upload].arguments["source"]})
