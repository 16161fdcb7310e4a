"""Registers schemas and prints records as confluent-kafka's serializers write them, in base64.

Usage: serialize.py REGISTRY. Prints one JSON object: a list of values for each topic, and under
"later" a value of a schema that no other has.
"""
import base64
import datetime
import decimal
import json
import sys

from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

registry = SchemaRegistryClient({"url": sys.argv[1]})


def text(value, topic, serializer):
    raw = serializer(value, SerializationContext(topic, MessageField.VALUE))
    return base64.b64encode(raw).decode()


avro = AvroSerializer(registry, json.dumps({
    "type": "record", "name": "Order", "namespace": "shop", "fields": [
        {"name": "user", "type": "string"},
        {"name": "id", "type": "long"},
        {"name": "total", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "note", "type": ["null", "string"]},
    ]}))
at = datetime.datetime(2026, 1, 2, 11, 58, 3, 120000, tzinfo=datetime.timezone.utc)
orders = [{"user": "alice", "id": 9007199254740993 + n, "total": decimal.Decimal("12.50"), "at": at, "note": None} for n in range(2)]

file = descriptor_pb2.FileDescriptorProto(name="order.proto", package="shop", syntax="proto3")
for name, fields in {"Line": ["sku"], "Order": ["user", "order_id"]}.items():
    message = file.message_type.add(name=name)
    for n, field in enumerate(fields):
        kind = descriptor_pb2.FieldDescriptorProto.TYPE_INT64 if field == "order_id" else descriptor_pb2.FieldDescriptorProto.TYPE_STRING
        message.field.add(name=field, number=n + 1, type=kind, label=descriptor_pb2.FieldDescriptorProto.LABEL_OPTIONAL)
pool = descriptor_pool.DescriptorPool()
pool.Add(file)
Order = message_factory.GetMessageClass(pool.FindMessageTypeByName("shop.Order"))
protobuf = ProtobufSerializer(Order, registry, {"use.deprecated.format": False})

schema = {"$schema": "http://json-schema.org/draft-07/schema#", "title": "Order", "type": "object", "properties": {"user": {"type": "string"}, "id": {"type": "integer"}}}
as_json = JSONSerializer(json.dumps(schema), registry)

later = AvroSerializer(registry, json.dumps({
    "type": "record", "name": "Later", "namespace": "shop", "fields": [{"name": "user", "type": "string"}, {"name": "late", "type": "boolean"}]}),
    conf={"subject.name.strategy": lambda ctx, name: "later-value"})

print(json.dumps({
    "avro": [text(o, "avro", avro) for o in orders],
    "protobuf": [text(Order(user="alice", order_id=9007199254740993 + n), "protobuf", protobuf) for n in range(2)],
    "json-schema": [text({"user": "alice", "id": 7 + n}, "json-schema", as_json) for n in range(2)],
    "later": [text({"user": "alice", "late": True}, "later", later)],
}))
