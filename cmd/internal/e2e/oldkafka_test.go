package e2e

import (
	"fmt"
	"testing"

	"sluice/broker/kafkatest"
)

// Brokers whose topics have no ids serve everything that others do: live, resumes from
// memory and from Kafka, every beginning, and the state. That holds also where they speak
// versions of Fetch that name a topic by its id alone. It takes 20 s for each release.
func TestOldBrokersServeEverything(t *testing.T) {
	for _, old := range []kafkatest.Old{kafkatest.Upgraded, kafkatest.BeforeIDs} {
		t.Run(old.Release, func(t *testing.T) {
			kafka := kafkatest.StartOld(t, old)
			kafka.CreateTopic(t, "held", oneUserPartitions)
			kafka.CreateTopic(t, "unheld", oneUserPartitions)
			r := newOneUser(t.Context(), t, kafka, fmt.Sprintf(`
heartbeat: 1s
kafka: {brokers: [%q]}
auth: none
limits: {per_user: 0}
streams:
  held:   {topic: held, user: key, subject: value:number, replay: 10m}
  unheld: {topic: unheld, user: key, subject: value:number, replay: 1ms}
`, kafka.Plaintext()), "held", "unheld")
			both := func(n int) {
				r.send("held", n, nil)
				r.send("unheld", n, nil)
			}
			both(40)
			r.settle()
			r.away(func() { both(40) })
			r.away(func() {
				both(200)
				r.restart()
			})
			for _, stream := range []string{"held", "unheld"} {
				beginsEverywhere(r.ctx, t, kafka, r.gateway, stream, r.user)
				if n := len(stateEvents(r.ctx, t, r.gateway, "user=alice&stream="+stream)); n != 280 {
					t.Errorf("the state of %s shows %d of 280 subjects", stream, n)
				}
			}
			kafka.Kill()
			kafka.Start()
			both(40)
			r.settle()
			r.judge()
		})
	}
}
