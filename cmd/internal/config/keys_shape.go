package config

import (
	"sluice/broker/record"
	"sluice/broker/schema"
	"sluice/broker/shape"
)

var shapeKeys = []Key{
	{"schema_registry.url", "", nil, "Where the [schemas](decoding.md) are: Confluent's API, with its path if it has one (Apicurio: `http://HOST:8080/apis/ccompat/v7`).",
		func(c *Config, _ *Stream) any { return &c.SchemaRegistry.URL }},
	{"schema_registry.username", "", nil, "User name for the registry (basic authentication).",
		func(c *Config, _ *Stream) any { return &c.SchemaRegistry.Username }},
	{"schema_registry.password", "", nil, "Password for the registry.",
		func(c *Config, _ *Stream) any { return &c.SchemaRegistry.Password }},
	{"schema_registry.password_file", "", nil, "File that holds the password. [Read again](#rotation) when it changes.",
		func(c *Config, _ *Stream) any { return secretFile{&c.SchemaRegistry.Password} }},
	{"schema_registry.token", "", nil, "Token for the registry (bearer authentication), instead of a user name.",
		func(c *Config, _ *Stream) any { return &c.SchemaRegistry.Token }},
	{"schema_registry.token_file", "", nil, "File that holds the token. [Read again](#rotation) when it changes.",
		func(c *Config, _ *Stream) any { return secretFile{&c.SchemaRegistry.Token} }},
	{"schema_registry.ca_file", "", nil, "Roots (PEM) to check the registry against, instead of the system's. [Read again](#rotation) when it changes, as are the next two.",
		func(c *Config, _ *Stream) any { return (*path)(&c.SchemaRegistry.CAFile) }},
	{"schema_registry.cert_file", "", nil, "The gateway's certificate (PEM), if the registry asks for one.",
		func(c *Config, _ *Stream) any { return (*path)(&c.SchemaRegistry.CertFile) }},
	{"schema_registry.key_file", "", nil, "Key (PEM) of `schema_registry.cert_file`.",
		func(c *Config, _ *Stream) any { return (*path)(&c.SchemaRegistry.KeyFile) }},
	{"schema_registry.timeout", "5s", nil, "How long one answer of the registry may take. After that the gateway asks again.",
		func(c *Config, _ *Stream) any { return &c.SchemaRegistry.Timeout }},

	{"streams.<name>.decode", record.DecodeJSON, []string{record.DecodeJSON, string(schema.Avro), string(schema.Protobuf), string(schema.JSON), record.DecodeText}, "How [values are written](decoding.md#values). Avro, Protobuf and JSON Schema are in the Confluent wire format, with schemas of the registry. Or a mapping of the keys below.",
		func(_ *Config, s *Stream) any { return &s.Decode.As }},
	{"streams.<name>.decode.avro.file", "", nil, "File with the Avro schema. Values may have the wire format's header or not.",
		func(_ *Config, s *Stream) any { return (*path)(&s.Decode.AvroFile) }},
	{"streams.<name>.decode.protobuf.file", "", nil, "File with the Protobuf schema. Its imports are found next to it.",
		func(_ *Config, s *Stream) any { return (*path)(&s.Decode.ProtobufFile) }},
	{"streams.<name>.decode.protobuf.message", "", nil, "Full name of the message in that file. Absent: the first.",
		func(_ *Config, s *Stream) any { return &s.Decode.Message }},
	{"streams.<name>.key_decode", record.KeyText, []string{record.KeyText, record.KeyJSON, record.KeyLong, record.KeyInt, record.KeyUUID, string(schema.Avro), string(schema.Protobuf)}, "How [keys are written](decoding.md#keys).",
		func(_ *Config, s *Stream) any { return &s.KeyDecode }},
	{"streams.<name>.unwrap", "", []string{record.Debezium}, "Values are [changes of rows](decoding.md#change-data), and the row is the event.",
		func(_ *Config, s *Stream) any { return &s.Unwrap }},
	{"streams.<name>.filter", "", nil, "jq program: only records for which it returns anything but `false` and `null` [are events](decoding.md#shape).",
		func(_ *Config, s *Stream) any { return &s.Filter }},
	{"streams.<name>.transform", "", nil, "jq program that returns [what is shown](decoding.md#shape) of a record.",
		func(_ *Config, s *Stream) any { return &s.Transform }},
	{"streams.<name>.keep", "", nil, "Paths of the only fields that [are shown](decoding.md#shape).",
		func(_ *Config, s *Stream) any { return &s.Keep }},
	{"streams.<name>.drop", "", nil, "Paths of fields that are not shown.",
		func(_ *Config, s *Stream) any { return &s.Drop }},
	{"streams.<name>.envelope", string(shape.Bare), []string{string(shape.Bare), string(shape.Metadata), string(shape.CloudEvents)}, "What is put [around the data](decoding.md#envelopes).",
		func(_ *Config, s *Stream) any { return &s.Envelope }},
	{"streams.<name>.envelope_headers", "", nil, "Headers of the record that `envelope: metadata` shows.",
		func(_ *Config, s *Stream) any { return &s.Headers }},
	{"streams.<name>.on_error", record.OnErrorDrop, []string{record.OnErrorDrop, record.OnErrorPass, record.OnErrorStop}, "What happens to a record that [can't be decoded or shaped](decoding.md#errors). It is dropped and counted, its value goes as it is, or its partition stops.",
		func(_ *Config, s *Stream) any { return &s.OnError }},
}
