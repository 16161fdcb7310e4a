"""bus.py URL make: a bus with a rule that puts all events into a queue.
bus.py URL take: prints the events that the queue has now, as JSON."""
import json
import sys

import boto3

url, what = sys.argv[1:]
events = boto3.client("events", endpoint_url=url)
sqs = boto3.client("sqs", endpoint_url=url)

if what == "make":
    queue = sqs.create_queue(QueueName="arrived")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.create_event_bus(Name="shop")
    events.put_rule(Name="all", EventBusName="shop", EventPattern=json.dumps({"source": ["shop.orders"]}))
    events.put_targets(Rule="all", EventBusName="shop", Targets=[{"Id": "1", "Arn": arn}])
else:
    queue, taken = sqs.get_queue_url(QueueName="arrived")["QueueUrl"], []
    while messages := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
        for m in messages:
            taken.append(json.loads(m["Body"]))
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=m["ReceiptHandle"])
    json.dump(taken, sys.stdout)
