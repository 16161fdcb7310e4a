package shop

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// mailOffice is what a site that mails has besides: the customers' mailbox, and the
// secret that the gateway and the shop share.
type mailOffice struct {
	t       *testing.T
	mailbox *program
	dir     string // of the mails, a file each
	address string // of the mail server
	secret  string
	file    string // with the secret
	group   string // of consumers
}

// openMailing opens a site that sends a mail for each order.
func openMailing(t *testing.T, s *site) *site {
	t.Helper()
	dir := t.TempDir()
	m := &mailOffice{
		t: t, dir: filepath.Join(dir, "mails"), file: filepath.Join(dir, "secret"), address: address(t), group: "mail-of-" + s.topic,
		secret: "whsec_" + base64.StdEncoding.EncodeToString([]byte("only the tests know this secret!")),
	}
	write(t, m.file, m.secret+"\n")
	s.kafka.CreateTopic(t, s.topic+".dead", 1)
	_, mailPort, err := net.SplitHostPort(m.address)
	if err != nil {
		t.Fatal(err)
	}
	m.mailbox = s.node("mailbox", append(os.Environ(), "MAIL_DIR="+m.dir, "MAIL_PORT="+mailPort), ".build/worker/mailbox.js")
	s.mail = m
	s.openBeating("2s", func(*site) []string {
		return []string{"MAIL_SECRET=" + m.secret, "SMTP_URL=smtp://" + m.address, "MAIL_NOTES_DIR=" + filepath.Join(dir, "notes")}
	})
	return s
}

// config is the deliveries of the shop's sluice.yaml for this site; "": it doesn't mail.
func (m *mailOffice) config(s *site, deliveries string) string {
	if m == nil {
		return ""
	}
	for _, r := range [][2]string{
		{"order-mail:\n", "order-mail:\n    group: " + m.group + "\n"},
		{"http://127.0.0.1:3001", s.shop},
		{".shop/mail-secret", m.file},
		{"max: 1m", "max: 2s"}, // so that an outage doesn't keep a test waiting
	} {
		if !strings.Contains(deliveries, r[0]) {
			m.t.Fatalf("the deliveries of web/nextjs/sluice.yaml don't contain %q", r[0])
		}
		deliveries = strings.ReplaceAll(deliveries, r[0], r[1])
	}
	return "deliveries:\n" + deliveries
}

var orderInMail = regexp.MustCompile(`(?m)^Order (\S+?)\r?$`)

// mails counts the mails in the mailbox, by the order that they are about.
func (m *mailOffice) mails() map[string]int {
	m.t.Helper()
	files, err := filepath.Glob(filepath.Join(m.dir, "*.eml"))
	if err != nil {
		m.t.Fatal(err)
	}
	mails := make(map[string]int)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			m.t.Fatal(err)
		}
		about := orderInMail.FindSubmatch(text)
		if about == nil {
			m.t.Fatalf("a mail is about no order:\n%s", text)
		}
		mails[string(about[1])]++
	}
	return mails
}

// awaitMails waits until the mailbox has a mail for each of these orders. It has to have
// one, and none about another.
func (m *mailOffice) awaitMails(orders map[string]account) {
	m.t.Helper()
	await(m.t, func() string {
		mails := m.mails()
		for id, n := range mails {
			if _, known := orders[id]; n != 1 || !known {
				m.t.Fatalf("there are %d mails about the order %s, which Kafka has: %v", n, id, known)
			}
		}
		if len(mails) < len(orders) {
			return fmt.Sprintf("%d orders have a mail, of %d", len(mails), len(orders))
		}
		return ""
	})
}

// twice is how often the mail server was sent a mail that it had already.
func (m *mailOffice) twice() int { return strings.Count(m.mailbox.said(), "again to ") }

// answered counts what the shop has said of messages, by the word that it said. What was
// not done is "failed".
func (s *site) answered() map[string]int {
	s.t.Helper()
	words := make(map[string]int)
	lines := bufio.NewScanner(strings.NewReader(s.next.said()))
	for lines.Scan() {
		switch fields := strings.Fields(lines.Text()); {
		case len(fields) < 4 || fields[0] != "mail:":
		case len(fields) == 4:
			words[fields[3]]++
		default:
			words["failed"]++
		}
	}
	return words
}
