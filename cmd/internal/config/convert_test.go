package config

import (
	"fmt"
	"log/slog"
	"os"
	"reflect"
	"testing"
	"time"

	"sluice/broker"
	"sluice/broker/connect"
	"sluice/broker/record"
	"sluice/broker/shape"
	"sluice/server/auth"
	"sluice/stream"
)

func TestTheRoomsAreToldWhatWasWritten(t *testing.T) {
	cert, key, _ := certificate(t)
	t.Chdir(t.TempDir())
	for name, text := range map[string]string{"ca.pem": cert, "cert.pem": cert, "key.pem": key, "secret": "s3cret\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := mustLoad(t, `
kafka:
  brokers: ["a:1", "b:2"]
  rack: eu-1a
  client_id: shop-gateway
  fetch: {max_bytes: 4MiB, max_partition_bytes: 512KiB}
  tls: {ca_file: ca.pem, cert_file: cert.pem, key_file: key.pem}
  sasl: {mechanism: OAUTHBEARER, token_url: "https://login/token", client_id: gateway, client_secret_file: secret, scope: kafka}
streams:
  news: {topic: n, audience: everyone, subject: key}
  orders: {topic: o, user: "header:u", event: "value:e", replay: 2m, replay_bytes: 3MiB, max_record_bytes: 1500KB}
  parcels: {topic: p, user: key, subject: "value:id", state: {max_age: 7d, max_bytes: 5MiB}}
  stock: {topic: s, user: key, subject: "value:id", state: false}
auth: none
`)
	wantKafka := broker.Config{
		Brokers: []string{"a:1", "b:2"}, Rack: "eu-1a",
		ClientID: "shop-gateway", FetchMaxBytes: 4 << 20, FetchMaxPartitionBytes: 512 << 10,
		TLS: connect.TLS{Enabled: true, CAFile: "ca.pem", CertFile: "cert.pem", KeyFile: "key.pem"},
		SASL: connect.SASL{Mechanism: "OAUTHBEARER", OAuth: connect.OAuth{
			TokenURL: "https://login/token", ClientID: "gateway", ClientSecret: "s3cret", Scope: "kafka",
			ClientSecretFile: "secret",
		}},
	}
	if got := c.Broker(); !reflect.DeepEqual(got, wantKafka) {
		t.Errorf("broker:\n got %+v\nwant %+v", got, wantKafka)
	}
	news, orders, parcels, stock := c.Streams[0], c.Streams[1], c.Streams[2], c.Streams[3]
	asTheyCome := func(name, topic string, r record.Rules) record.Rules {
		r.Decode.As, r.KeyDecode, r.Envelope, r.OnError = record.DecodeJSON, record.KeyText, string(shape.Bare), record.OnErrorDrop
		r.Names = record.Names{Stream: name, Topic: topic}
		return r
	}
	for _, tt := range []struct{ got, want any }{
		{news.Broker(), broker.StreamConfig{Name: "news", Topic: "n", Record: asTheyCome("news", "n", record.Rules{Audience: stream.AudienceEveryone, Subject: "key"}), Replay: 10 * time.Minute, State: true, StateAge: 24 * time.Hour}},
		{orders.Broker(), broker.StreamConfig{Name: "orders", Topic: "o", Record: asTheyCome("orders", "o", record.Rules{User: "header:u", Event: "value:e", MaxBytes: 1_500_000}), Replay: 2 * time.Minute}},
		{parcels.Broker(), broker.StreamConfig{Name: "parcels", Topic: "p", Record: asTheyCome("parcels", "p", record.Rules{User: "key", Subject: "value:id"}), Replay: 10 * time.Minute, State: true, StateAge: 7 * 24 * time.Hour}},
		{stock.Broker(), broker.StreamConfig{Name: "stock", Topic: "s", Record: asTheyCome("stock", "s", record.Rules{User: "key", Subject: "value:id"}), Replay: 10 * time.Minute}},
		{news.Spec(), stream.Spec{Name: "news", Audience: stream.AudienceEveryone, Replay: 10 * time.Minute, ReplayBytes: 256 << 20, State: stream.StateBounds{MaxAge: 24 * time.Hour, MaxBytes: 64 << 20}}},
		{parcels.Spec(), stream.Spec{Name: "parcels", Replay: 10 * time.Minute, ReplayBytes: 256 << 20, State: stream.StateBounds{MaxAge: 7 * 24 * time.Hour, MaxBytes: 5 << 20}}},
		{stock.Spec(), stream.Spec{Name: "stock", Replay: 10 * time.Minute, ReplayBytes: 256 << 20}},
		{orders.Spec(), stream.Spec{Name: "orders", Replay: 2 * time.Minute, ReplayBytes: 3 << 20}},
	} {
		if !reflect.DeepEqual(tt.got, tt.want) {
			t.Errorf("\n got %+v\nwant %+v", tt.got, tt.want)
		}
	}

	login := mustLoad(t, minimal).Auth
	for _, tt := range []struct {
		auth Auth
		want auth.Authenticator
	}{{c.Auth, auth.None{}}, {login, auth.First{}}} {
		if got, err := tt.auth.Sources(slog.Default()); err != nil || fmt.Sprintf("%T", got.Authenticator) != fmt.Sprintf("%T", tt.want) {
			t.Errorf("sources: %T, %v; want %T", got.Authenticator, err, tt.want)
		}
	}
	if _, err := (Auth{}).Sources(slog.Default()); err == nil {
		t.Error("no way to know a user, and no error")
	}
}
