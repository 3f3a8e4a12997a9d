"""The operator's desk: what goes on in a deployed stack, what failed in it, and putting it right.

In the repository it is `python -m operate`, behind `make`; installed it is `python -m constructs_lib.operate`. So that
both are one code, its modules import each other relatively.
"""
