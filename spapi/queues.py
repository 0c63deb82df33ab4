"""The way to an SQS queue, by boto3: at the service that the ARN names, or the one of the settings (sp-api 9)."""

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError
from django.conf import settings

from .rules import QUEUE, Trouble
from .webhooks import CONNECT_SECONDS, WHOLE_SECONDS, NotTaken, Unreachable


def send(arn: str, body: bytes) -> None:
    """Put a message into a queue. Raises Unreachable or NotTaken."""
    found = QUEUE.fullmatch(arn)
    if found is None:
        raise Unreachable(Trouble.BAD_ADDRESS)
    region, account, name = found.groups()
    limits = Config(connect_timeout=CONNECT_SECONDS, read_timeout=WHOLE_SECONDS, retries={"total_max_attempts": 1})
    try:
        client = boto3.client(
            "sqs", region_name=region, endpoint_url=settings.SQS_ENDPOINT_URL or None, config=limits
        )
        address = f"{client.meta.endpoint_url.rstrip('/')}/{account}/{name}"
        client.send_message(QueueUrl=address, MessageBody=body.decode())
    except ClientError as error:
        raise NotTaken(f"{error}"[:200]) from None
    except NoCredentialsError:
        # The portal has no keys for the queue service: nothing that the shop or its software can mend.
        raise Unreachable(Trouble.NO_ACCESS) from None
    except BotoCoreError as error:
        raise Unreachable(f"{Trouble.NO_CONNECTION} {error}"[:200]) from None
