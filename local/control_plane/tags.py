"""Tags of SageMaker's resources."""

from collections.abc import Callable

from local.control_plane.rules import Refused, Rule
from local.control_plane.state import Fields, State


class Tags:
    """The operations on tags of models, configurations and endpoints."""

    def __init__(self, state: State) -> None:
        self._state = state
        self.operations: dict[str, Callable[[Fields], Fields]] = {
            "AddTags": self.add,
            "ListTags": self.list,
            "DeleteTags": self.delete,
        }

    def add(self, request: Fields) -> Fields:
        self._tags(request).update({tag["Key"]: tag["Value"] for tag in request["Tags"]})
        return self.list(request)

    def list(self, request: Fields) -> Fields:
        return {"Tags": [{"Key": key, "Value": value} for key, value in self._tags(request).items()]}

    def delete(self, request: Fields) -> Fields:
        tags = self._tags(request)
        for key in request["TagKeys"]:
            tags.pop(key, None)
        return {}

    def _tags(self, request: Fields) -> dict[str, str]:
        arn = request["ResourceArn"]
        if arn not in self._state.tags:
            raise Refused(Rule.EXISTS, f'Could not find resource "{arn}".')
        return self._state.tags[arn]
