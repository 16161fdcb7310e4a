package shop

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"sluice/broker/kafkatest/child"
)

// program is one of the shop's programs, on Node.js. It can be killed and started again.
type program struct {
	t       *testing.T
	name    string
	log     string // its file
	env     []string
	args    []string
	process *child.Process // nil while it is down
}

// node runs one of the shop's programs until the test ends.
func (s *site) node(name string, env []string, args ...string) *program {
	s.t.Helper()
	p := &program{t: s.t, name: name, log: filepath.Join(s.t.TempDir(), name+".log"), env: env, args: args}
	p.start()
	s.t.Cleanup(func() {
		defer logOnFailure(s.t, "the "+name, p.log)
		if p.process == nil {
			return
		}
		select {
		case <-p.process.Ended():
			s.t.Errorf("the %s has ended by itself", name)
		default:
		}
		p.kill()
	})
	return p
}

func (p *program) start() {
	p.t.Helper()
	command := exec.Command("node", p.args...)
	command.Dir, command.Env = shopDir, p.env
	process, err := child.Start(command, p.log)
	if err != nil {
		p.t.Fatal(err)
	}
	p.process = process
}

// kill ends the program at once (SIGKILL).
func (p *program) kill() {
	p.t.Helper()
	if err := p.process.Kill(); err != nil {
		p.t.Fatal(err)
	}
	p.process = nil
}

// said is what the program has said, in all its lives.
func (p *program) said() string {
	p.t.Helper()
	text, err := os.ReadFile(p.log)
	if err != nil {
		p.t.Fatal(err)
	}
	return string(text)
}
