package shop

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"sluice/broker/kafkatest"
	"sluice/cmd/internal/e2e/gateway"
)

// A customer orders, gets one mail, and the page says so. One part after the other is
// killed meanwhile: the shop, which sends the mails, the worker, which then confirms
// orders twice, the gateway, and the mail server. Each order has one mail all the same.
func TestEachOrderHasOneMail(t *testing.T) {
	need(t)
	buildShop(t)
	t.Parallel()
	s := openMailing(t, newSite(t, kafkatest.Shared(t), "mails"))
	b := startBrowser(t)
	v := b.visitor(t)
	p := v.logIn(s.nginx.plain, "alice")
	list := v.tab("the list")
	list.open(s.nginx.plain + "/orders")
	list.awaitConnection("live")

	id := p.order(s.nginx.plain)
	p.open(s.nginx.plain + "/orders/" + id + "?stay=1")
	p.await(find("mail") + `?.textContent === "mail sent"`)
	s.mail.awaitMails(s.truth.confirmed(t, "alice"))
	dir := screenshots(t)
	p.checkLooks("order-mailed", dir)
	list.await(`document.querySelector("[data-testid=orders] > li[data-mailed=true]")`)
	list.checkLooks("orders-mailed", dir)

	for _, fault := range []struct {
		name    string
		strikes func(*site)
	}{
		{"the shop killed", (*site).killShop},
		{"the worker killed", (*site).killWorker},
		{"the gateway killed", (*site).killGateway},
		{"no mail server", (*site).stopMail},
	} {
		began := time.Now()
		stop := s.backend.business("alice", 200*time.Millisecond)
		fault.strikes(s)
		s.awaitMore(5)
		stop()
		orders := s.truth.confirmed(t, "alice")
		s.mail.awaitMails(orders)
		list.await(fmt.Sprintf(`document.querySelectorAll("[data-testid=orders] > li[data-mailed=true]").length === %d`, len(orders)))
		t.Logf("%-20s %d orders, each has one mail; the shop said %v; the mail server was sent %d twice; %v",
			fault.name, len(orders), s.answered(), s.mail.twice(), time.Since(began).Round(100*time.Millisecond))
	}
	// The shop may end after the mail server has a mail and before that is noted. The mail
	// server may have one and not answer in time.
	if n, failed := s.mail.twice(), s.answered()["failed"]; n > 1+failed {
		t.Errorf("the mail server was sent %d mails twice: the shop ended once, and %d attempts failed", n, failed)
	}
	s.deliverAllAgain()
	s.refuses()
	if n := list.loads(); n != 1 {
		t.Errorf("the list was loaded %d times", n)
	}
}

// awaitFailures waits until the delivery has failed once more.
func (s *site) awaitFailures() {
	s.t.Helper()
	before := s.metric("sluice_delivery_failed_attempts_total")
	s.awaitMetric("sluice_delivery_failed_attempts_total", func(n float64) bool { return n > before })
}

func (s *site) killShop() {
	s.awaitMore(3)
	s.next.kill()
	s.awaitFailures()
	s.next.start()
	s.awaitShop()
}

func (s *site) killWorker() {
	s.awaitMore(3)
	s.worker.kill()
	s.awaitMore(3)
	s.worker.start()
	// What a worker that is killed does at worst: it confirms each order twice.
	for id := range s.truth.of(s.t, "alice") {
		s.backend.confirm("alice", id)
	}
}

func (s *site) stopMail() {
	s.awaitMore(3)
	s.mail.mailbox.kill()
	s.awaitFailures()
	s.mail.mailbox.start()
}

// deliverAllAgain has every message come again, each with the id that it had. The shop
// knows all of them.
func (s *site) deliverAllAgain() {
	s.t.Helper()
	orders := s.truth.confirmed(s.t, "alice")
	s.awaitMetric("sluice_delivery_lag_records", func(n float64) bool { return n == 0 })
	before := s.answered()
	s.gateway.Terminate()
	binary, err := gateway.Binary()
	if err != nil {
		s.t.Fatal(err)
	}
	// The group's members are gone at once, and yet Kafka may take a moment to say so.
	await(s.t, func() string {
		said, err := exec.Command(binary, "deliver", "-c", s.gateway.ConfigFile(), "--from", "earliest", "order-mail").CombinedOutput()
		if err != nil {
			return fmt.Sprintf("sluice deliver --from earliest: %v: %s", err, said)
		}
		return ""
	})
	s.gateway.Start()
	s.awaitMetric("sluice_delivery_delivered_total", func(n float64) bool { return n >= float64(len(orders)) })
	s.awaitMetric("sluice_delivery_lag_records", func(n float64) bool { return n == 0 })
	after := s.answered()
	if after["sent"] != before["sent"] || after["known"] != before["known"] || after["repeat"]-before["repeat"] < len(orders) {
		s.t.Errorf("all messages of %d orders were delivered again, and the shop said %v before and %v after", len(orders), before, after)
	}
	s.mail.awaitMails(orders)
}

// refuses: what isn't signed, or is too large, is no order of the gateway's.
func (s *site) refuses() {
	s.t.Helper()
	order, err := json.Marshal(order{"forged", "alice", "confirmed", "Enamel kettle", 38, "order.confirmed"})
	if err != nil {
		s.t.Fatal(err)
	}
	for body, want := range map[string]int{string(order): 401, strings.Repeat("x", 1<<20): 413} {
		req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.shop+"/api/order-mail", strings.NewReader(body))
		if err != nil {
			s.t.Fatal(err)
		}
		req.Header.Set("webhook-id", "forged")
		req.Header.Set("webhook-timestamp", fmt.Sprint(time.Now().Unix()))
		req.Header.Set("webhook-signature", "v1,Zm9yZ2Vk")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			s.t.Fatal(err)
		}
		_ = resp.Body.Close() // the status is what counts
		if resp.StatusCode != want {
			s.t.Errorf("a forged message of %d bytes is answered %d, want %d", len(body), resp.StatusCode, want)
		}
	}
}
