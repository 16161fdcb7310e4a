package deliver

import (
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/broker"
	"sluice/broker/connect"
	"sluice/broker/kafkatest"
)

// grant is a line of the table in docs/deliveries.md.
type grant struct {
	topic, group string
	operations   []kadm.ACLOperation
}

// What docs/deliveries.md says that Kafka must allow is enough: to deliver, to write dead
// letters, to send them again, and to copy. Without a line the delivery waits, and says
// for what.
func TestThePermissionsOfTheDocsAreEnough(t *testing.T) {
	t.Parallel()
	cluster := kafkatest.Start(t, kafkatest.Properties(map[string]string{
		"authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
		"super.users":           "User:ANONYMOUS",
	}))
	for _, topic := range []string{"orders", "orders.dead", "copy"} {
		cluster.CreateTopic(t, topic, 1)
	}
	allow := func(g grant) {
		b := kadm.NewACLs().Allow("User:" + kafkatest.User).AllowHosts("*").Operations(g.operations...).ResourcePatternType(kadm.ACLPatternLiteral)
		if g.group != "" {
			b.Groups(g.group)
		} else {
			b.Topics(g.topic)
		}
		done, err := cluster.Admin().CreateACLs(t.Context(), b)
		for _, one := range done {
			if err == nil {
				err = one.Err
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	s := &site{t: t, cluster: cluster, client: cluster.Client(t), inbox: &inbox{}}
	s.kafka = broker.Config{Brokers: []string{cluster.SASL()}, SASL: connect.SASL{Mechanism: connect.MechanismPlain, Username: kafkatest.User, Password: kafkatest.Password}}
	s.config = Config{
		Name: "mail", Source: Source{Topic: "orders"}, Target: s.inbox, DeadLetter: "orders.dead", Window: Window{1000, 1 << 20}, Concurrency: 4,
		Retry: Retry{Min: 10 * time.Millisecond, Max: 50 * time.Millisecond, Attempts: 2, MaxAge: time.Hour},
	}
	s.inbox.set(func(m *Message) Outcome {
		if string(m.Record.Key) == "bad" {
			return Outcome{Verdict: Refused, Cause: "status_400"}
		}
		return Outcome{}
	})
	d, _ := s.start()
	s.awaitState(d, StateWaiting, "topic orders: Kafka doesn't allow this user")
	allow(grant{topic: "orders", operations: []kadm.ACLOperation{kadm.OpRead, kadm.OpDescribe}})
	s.await("it asks for the group", func() bool { d.Resume(); return strings.HasPrefix(d.Status().State.Why, "group sluice-mail: ") })
	allow(grant{group: "sluice-mail", operations: []kadm.ACLOperation{kadm.OpRead}})
	allow(grant{topic: "orders.dead", operations: []kadm.ACLOperation{kadm.OpRead, kadm.OpWrite, kadm.OpDescribe}})
	s.await("it runs", func() bool { d.Resume(); return d.Status().State.Word == StateRunning })
	s.produce("good-1", "bad-1")
	s.awaitValues("good-1")
	s.await("a dead letter", func() bool { return d.Status().Dead["status_400"] == 1 })
	s.inbox.set(nil)
	if r, err := d.Redrive(t.Context(), Selection{}, func(Letter, Outcome) {}); err != nil || r.Sent != 1 {
		t.Errorf("%+v %v", r, err)
	}
	s.await("all is committed", func() bool { return s.committed() == 2 })

	allow(grant{topic: "copy", operations: []kadm.ACLOperation{kadm.OpWrite, kadm.OpDescribe}})
	allow(grant{group: "sluice-copy", operations: []kadm.ACLOperation{kadm.OpRead}})
	s.config.Name, s.config.Target, s.config.ToTopic, s.config.DeadLetter = "copy", nil, "copy", ""
	s.config.From = Start{Earliest: true}
	s.start()
	if got := cluster.Client(t, kgo.ConsumeTopics("copy")).PollFetches(t.Context()).Records(); len(got) == 0 || string(got[0].Value) != string(got[0].Key)+"-1" {
		t.Errorf("%v", got)
	}
}
