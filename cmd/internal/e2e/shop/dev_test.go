package shop

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sluice/broker/kafkatest/child"
	"sluice/cmd/internal/e2e/gateway"
)

// copyShop copies the shop and what it uses, without what is built of the shop. The
// packages are hard links where that can be, since they are large.
func copyShop(t *testing.T) (dir string) {
	t.Helper()
	root := t.TempDir()
	copyTo := func(from, to string, except ...string) {
		t.Helper()
		entries, err := os.ReadDir(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(to, 0o700); err != nil {
			t.Fatal(err)
		}
		for _, entry := range entries {
			name := entry.Name()
			if strings.Contains(" "+strings.Join(except, " ")+" ", " "+name+" ") {
				continue
			}
			// What is changed in the copy must not change in the shop.
			if name == "node_modules" && exec.Command("cp", "-al", filepath.Join(from, name), to).Run() == nil {
				continue
			}
			if said, err := exec.Command("cp", "-a", filepath.Join(from, name), to).CombinedOutput(); err != nil {
				t.Fatalf("cp: %v\n%s", err, said)
			}
		}
	}
	dir = filepath.Join(root, "nextjs")
	copyTo(shopDir, dir, ".next", ".build", ".shop")
	copyTo(filepath.Join(shopDir, "../client"), filepath.Join(root, "client"))
	copyTo(filepath.Join(shopDir, "../docs"), filepath.Join(root, "docs"), "swagger-ui")
	return dir
}

// In development the shop is what its files say: a component that is changed is shown by
// the open page, which keeps its stream and what it shows.
func TestDevShowsWhatIsChanged(t *testing.T) {
	need(t)
	buildShop(t)
	dir := copyShop(t)
	binary, err := gateway.Binary()
	if err != nil {
		t.Fatal(err)
	}
	ports := make([]string, 5)
	for i := range ports {
		ports[i] = port(t, "http://"+address(t))
	}
	log := filepath.Join(t.TempDir(), "dev.log")
	command := exec.Command("node", "scripts/start.mjs", "--dev") // npm run dev
	command.Dir = dir
	command.Env = append(os.Environ(), "SLUICE="+binary, "PORT="+ports[0], "GATEWAY_PORT="+ports[1], "GATEWAY_ADMIN_PORT="+ports[2],
		"KAFKA_PORT="+ports[3], "MAIL_PORT="+ports[4], "CONFIRM_DELAY_MS=200")
	began := time.Now()
	dev, err := child.Start(command, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := dev.Terminate(); err != nil {
			t.Error(err)
		}
		logOnFailure(t, "npm run dev", log)
	})
	await(t, func() string {
		select {
		case <-dev.Ended():
			t.Fatal("npm run dev has ended by itself")
		default:
		}
		if said, err := os.ReadFile(log); err != nil || !strings.Contains(string(said), "The shop is open") {
			return "the shop isn't open"
		}
		return ""
	})
	t.Logf("open after %v", time.Since(began).Round(time.Second))

	url := "http://localhost:" + ports[0]
	p := startBrowser(t).visitor(t).logIn(url, "alice")
	id := p.order(url)
	p.await(fmt.Sprintf(`location.pathname === "/orders" && document.querySelector('[data-order=%s]')?.dataset.status === "confirmed"`, id))
	p.open(url + "/orders")
	p.awaitConnection("live")
	ask[bool](p, `window.kept = true`)
	p.seeEdits(filepath.Join(dir, "components/OrderRows.tsx"), " since this page was opened.")
	if !ask[bool](p, fmt.Sprintf(`window.kept && %s.textContent === "live" && !!document.querySelector('[data-order=%s]')`, find("connection"), id)) {
		t.Errorf("the page was loaded anew, or lost what it showed: %s", p.text())
	}
}

// What is built is built again when something that it is made of has changed, and not
// otherwise.
func TestOnlyWhatHasChangedIsBuiltAgain(t *testing.T) {
	need(t)
	buildShop(t)
	dir := copyShop(t)
	due := func() string {
		t.Helper()
		command := exec.Command("node", "scripts/build.mjs", "--due")
		command.Dir = dir
		said, err := command.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, said)
		}
		return strings.Join(strings.Fields(string(said)), " ")
	}
	built := func(parts ...string) {
		t.Helper()
		for _, part := range parts {
			file := filepath.Join(dir, part)
			if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	later := time.Now().Add(time.Hour)
	for _, step := range []struct{ changed, due string }{
		{"", ""},
		{"components/OrderRows.tsx", "shop"},
		{"app/orders/page.tsx", "shop"},
		{"worker/main.ts", "shop"},
		{"../docs/follow.js", "shop"},
		{"../client/src/react.ts", "client shop"},
		{"test/order.test.ts", ""},
		{"README.md", ""},
	} {
		built("../client/dist/index.js", ".build/worker/mailbox.js", ".next/BUILD_ID")
		if step.changed != "" {
			file := filepath.Join(dir, step.changed)
			if err := os.Chtimes(file, later, later); err != nil {
				t.Fatal(err)
			}
		}
		if got := due(); got != step.due {
			t.Errorf("%q has changed, and %q is due; want %q", step.changed, got, step.due)
		}
		if step.changed != "" {
			if err := os.Chtimes(filepath.Join(dir, step.changed), time.Unix(0, 0), time.Unix(0, 0)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := os.RemoveAll(filepath.Join(dir, ".build")); err != nil {
		t.Fatal(err)
	}
	if got := due(); got != "shop" {
		t.Errorf("the worker is missing, and %q is due", got)
	}
}

// seeEdits edits a text in a file, again and again, until the page shows an edit. What is
// saved just before Next's own connection to the page is there, it does not tell.
func (p *tab) seeEdits(file, text string) {
	p.t.Helper()
	original, err := os.ReadFile(file)
	if err != nil {
		p.t.Fatal(err)
	}
	if !strings.Contains(string(original), text) {
		p.t.Fatalf("%s doesn't contain %q", file, text)
	}
	var saved time.Time
	edits := 0
	await(p.t, func() string {
		if time.Since(saved) > 5*time.Second {
			edits++
			edited := strings.Replace(string(original), text, fmt.Sprintf(" in edit %d.", edits), 1)
			if err := os.WriteFile(file, []byte(edited), 0o600); err != nil {
				p.t.Fatal(err)
			}
			saved = time.Now()
		}
		if !ask[bool](p, `/ in edit \d/.test(document.body.innerText)`) {
			return fmt.Sprintf("%s shows none of %d edits: %s", p.name, edits, p.text())
		}
		return ""
	})
	p.t.Logf("edit %d is shown after %v", edits, time.Since(saved).Round(10*time.Millisecond))
}
