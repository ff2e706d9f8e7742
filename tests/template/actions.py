"""Which rights a call to DynamoDB or S3 needs: the authorization reference of the two services, for what is called."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Call:
    """One right that a call needs, on one resource, with the partition keys that it names."""

    action: str
    resource: str
    keys: tuple[str, ...] = ()


_INDEX_KEYS = {"review": "review_shard", "holder": "holder", "owner": "owner"}

# A HEAD of what is not there is 404 for who may list the bucket, and 403 for the others: our code tells these apart.
_OBJECT = {
    "PutObject": ["s3:PutObject"],
    "GetObject": ["s3:GetObject"],
    "HeadObject": ["s3:GetObject", "s3:ListBucket"],
    "CreateMultipartUpload": ["s3:PutObject"],
    "UploadPart": ["s3:PutObject"],
    "UploadPartCopy": ["s3:PutObject"],
    "CompleteMultipartUpload": ["s3:PutObject"],
    "AbortMultipartUpload": ["s3:AbortMultipartUpload"],
}
_BUCKET = {"ListObjectsV2": "s3:ListBucket", "ListMultipartUploads": "s3:ListBucketMultipartUploads"}


def calls_of(operation, arguments):
    """Return the rights that a call needs. A call that nobody has thought of fails here."""
    if operation in _BUCKET:
        return [Call(_BUCKET[operation], "bucket")]
    if operation == "DeleteObjects":
        return [Call("s3:DeleteObject", f"bucket/{one['Key']}") for one in arguments["Delete"]["Objects"]]
    if operation in _OBJECT:
        return _object_calls(operation, arguments)
    return list(_table_calls(operation, arguments))


def _object_calls(operation, arguments):
    calls = [
        Call(action, "bucket" if action == "s3:ListBucket" else f"bucket/{arguments['Key']}")
        for action in _OBJECT[operation]
    ]
    if operation == "UploadPartCopy":
        calls.append(Call("s3:GetObject", f"bucket/{arguments['CopySource']['Key']}"))
    return calls


def _table_calls(operation, arguments):
    if operation == "TransactWriteItems":
        verbs = {
            "Put": "PutItem",
            "Update": "UpdateItem",
            "Delete": "DeleteItem",
            "ConditionCheck": "ConditionCheckItem",
        }
        writes = [next(iter(write.items())) for write in arguments["TransactItems"]]
        # Each is governed by the right to the operation of its name (developer guide, "Using IAM with DynamoDB
        # transactions"). Whether those of one name are judged together is not said: all must be allowed at once.
        for verb in {verb for verb, _ in writes}:
            keys = {_key(write) for name, write in writes if name == verb}
            yield Call(f"dynamodb:{verbs[verb]}", "table", tuple(sorted(keys)))
    elif operation in {"BatchGetItem", "BatchWriteItem"}:
        (request,) = arguments["RequestItems"].values()
        several = request["Keys"] if operation == "BatchGetItem" else [write["PutRequest"]["Item"] for write in request]
        yield Call(f"dynamodb:{operation}", "table", tuple(sorted({one["pk"]["S"] for one in several})))
    elif operation == "Query":
        index = arguments.get("IndexName")
        yield Call("dynamodb:Query", f"table/index/{index}" if index else "table", (_queried(arguments),))
    elif operation in {"GetItem", "PutItem", "UpdateItem", "DeleteItem"}:
        yield Call(f"dynamodb:{operation}", "table", (_key(arguments),))
    else:
        raise NotImplementedError(operation)


def _key(arguments):
    return (arguments.get("Key") or arguments["Item"])["pk"]["S"]


def _queried(arguments):
    """Return the partition that a Query names."""
    name = _INDEX_KEYS.get(arguments.get("IndexName"), "pk")
    names = arguments.get("ExpressionAttributeNames", {name: name})
    (placeholder,) = [placeholder for placeholder, one in names.items() if one == name]
    condition = arguments["KeyConditionExpression"]
    (value,) = [part.split("=")[1].strip(" ()") for part in condition.split("AND") if f"{placeholder} =" in part]
    return arguments["ExpressionAttributeValues"][value]["S"]
