package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"sluice/broker/kafkatest/child"
	"sluice/cmd/internal/e2e/gateway"
	"sluice/cmd/internal/e2e/proxy"
)

// The image is built from the Dockerfile and runs. There is no registry to take the
// builder's base from, so one is made: Debian, the Go that the Dockerfile names, and this
// machine's authorities. It takes minutes and gigabytes, so it is of the full size.
func TestTheImageIsBuiltAndServes(t *testing.T) {
	if os.Getenv("SLUICE_TEST_FULL") != "1" {
		t.Skip("builds a Debian and an image: with SLUICE_TEST_FULL=1")
	}
	need(t, "buildah", "buildah")
	need(t, "debootstrap", "debootstrap")
	if os.Geteuid() != 0 {
		proxy.Lacks(t, "needs root, for debootstrap")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 25*time.Minute)
	t.Cleanup(cancel)
	b := newBuildah(ctx, t)
	base := regexp.MustCompile(`(?m)^FROM (golang:([\d.]+)-(\w+)) AS build`).FindStringSubmatch(readFile(t, "../../../Dockerfile"))
	if base == nil {
		t.Fatal("the Dockerfile has no builder")
	}
	b.base("docker.io/library/"+base[1], "go"+base[2], base[3])

	const version, revision = "v9.8.7", "0123456789abcdef0123456789abcdef01234567"
	b.run("build", "--isolation", "chroot", "--pull-never", "--quiet", "--build-arg", "VERSION="+version, "--build-arg", "REVISION="+revision, "--tag", "sluice-test", "../../..")
	var image struct {
		OCIv1 struct {
			Config imageConfig `json:"config"`
		}
	}
	if err := json.Unmarshal(b.run("inspect", "--type", "image", "sluice-test"), &image); err != nil {
		t.Fatal(err)
	}
	labels := image.OCIv1.Config.Labels
	if labels["org.opencontainers.image.version"] != version || labels["org.opencontainers.image.revision"] != revision || labels["org.opencontainers.image.licenses"] != "Apache-2.0" {
		t.Errorf("labels %v", labels)
	}
	if image.OCIv1.Config.User != "65532:65532" {
		t.Errorf("runs as %q", image.OCIv1.Config.User)
	}

	container := strings.TrimSpace(string(b.run("from", "--pull-never", "sluice-test")))
	if said := string(b.run("run", "--isolation", "chroot", container, "--", "/sluice", "version")); !strings.HasPrefix(said, "sluice v9.8.7 0123456789ab (go"+base[2]+")") {
		t.Errorf("version: %q", said)
	}
	b.serves(container, image.OCIv1.Config)
}

type imageConfig struct {
	User, WorkingDir     string
	Env, Entrypoint, Cmd []string
	Labels               map[string]string
}

// buildah keeps its images in a folder of the test.
type buildah struct {
	t   *testing.T
	ctx context.Context
	dir string
}

func newBuildah(ctx context.Context, t *testing.T) *buildah {
	b := &buildah{t, ctx, t.TempDir()}
	t.Cleanup(func() { // the folder can't be removed while a container is mounted there
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		if out, err := b.command(ctx, "umount", "--all").CombinedOutput(); err != nil {
			t.Logf("buildah umount: %v: %s", err, out)
		}
	})
	return b
}

func (b *buildah) command(ctx context.Context, args ...string) *exec.Cmd {
	global := []string{"--root", filepath.Join(b.dir, "root"), "--runroot", filepath.Join(b.dir, "run")}
	command := exec.CommandContext(ctx, "buildah", append(global, args...)...)
	command.Env = append(os.Environ(), "STORAGE_DRIVER=vfs") // the flag for it doesn't reach the images
	return command
}

func (b *buildah) run(args ...string) []byte {
	b.t.Helper()
	out, err := b.command(b.ctx, args...).Output()
	if err != nil {
		var failed *exec.ExitError
		if errors.As(err, &failed) {
			b.t.Logf("%s", failed.Stderr)
		}
		b.t.Fatalf("buildah %s: %v", args[0], err)
	}
	return out
}

// base makes what the builder begins with.
func (b *buildah) base(name, goVersion, debian string) {
	b.t.Helper()
	root := filepath.Join(b.dir, "base")
	must := func(err error) {
		b.t.Helper()
		if err != nil {
			b.t.Fatal(err)
		}
	}
	must(run("debootstrap", "--variant=minbase", "--include=ca-certificates", debian, root))
	goroot, err := withGo(b.ctx, goVersion)
	must(err)
	must(run("cp", "-a", goroot, filepath.Join(root, "usr/local/go")))
	const authorities = "/etc/ssl/certs/ca-certificates.crt" // Go's modules may come by a proxy of this machine's
	must(run("cp", authorities, filepath.Join(root, authorities)))
	container := strings.TrimSpace(string(b.run("from", "scratch")))
	b.run("copy", "--quiet", container, root, "/")
	b.run("config", "--env", "PATH=/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "--env", "GOTOOLCHAIN=local", "--workingdir", "/go", container)
	b.run("commit", "--quiet", container, name)
	b.run("rm", container)
}

// withGo returns where this Go is.
func withGo(ctx context.Context, version string) (string, error) {
	command := exec.CommandContext(ctx, "go", "env", "GOROOT")
	command.Env = append(os.Environ(), "GOTOOLCHAIN="+version)
	out, err := command.Output()
	return strings.TrimSpace(string(out)), err
}

// serves runs the image's own command with a configuration and no Kafka. It lives.
func (b *buildah) serves(container string, cfg imageConfig) {
	b.t.Helper()
	public, err := gateway.Address()
	if err != nil {
		b.t.Fatal(err)
	}
	admin, err := gateway.Address()
	if err != nil {
		b.t.Fatal(err)
	}
	root := strings.TrimSpace(string(b.run("mount", container)))
	text := "listen: " + public + "\nadmin: " + admin + "\nkafka: {brokers: [127.0.0.1:1]}\nstreams: {orders: {topic: orders, user: key}}\nauth: none\n"
	if err := os.WriteFile(filepath.Join(root, "etc/sluice/sluice.yaml"), []byte(text), 0o644); err != nil { //nolint:gosec // the image's user reads it
		b.t.Fatal(err)
	}
	// As an engine does it, but for the network: in the image's files, as its user, in its
	// folder. What buildah runs outlives buildah when that is killed.
	command := exec.CommandContext(b.ctx, "unshare", "--root="+root, "--wd="+cfg.WorkingDir, "--setgid=65532", "--setuid=65532", "--")
	command.Args = append(append(command.Args, cfg.Entrypoint...), cfg.Cmd...)
	command.Env = cfg.Env
	log := filepath.Join(b.dir, "log")
	p, err := child.Start(command, log)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = p.Kill() }() // it ran
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		if response, err := get(b.ctx, "http://"+admin+"/livez", nil); err == nil {
			_ = response.Body.Close() // its status says all
			if response.StatusCode != 200 {
				b.t.Errorf("/livez: %s", response.Status)
			}
			return
		}
		select {
		case <-again.C:
		case <-p.Ended():
			b.t.Fatalf("it ended: %s", readFile(b.t, log))
		case <-b.ctx.Done():
			b.t.Fatal("it doesn't answer")
		}
	}
}
