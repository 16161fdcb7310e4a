package shop

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const shopDir = "../../../../web/nextjs"

// built is the shop's build, once for the test process.
var built = sync.OnceValue(build)

// buildShop builds the shop as its README says, unless the build that is there is newer
// than all that it is made of.
func buildShop(t *testing.T) {
	t.Helper()
	if err := built(); err != nil {
		t.Fatal(err)
	}
}

func build() error {
	lock, err := os.Open(filepath.Join(shopDir, "package.json"))
	if err != nil {
		return err
	}
	defer lock.Close() // and so unlocks
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return err
	}
	changed, err := newest(shopDir, filepath.Join(shopDir, "../client/src"), filepath.Join(shopDir, "../client/package.json"), filepath.Join(shopDir, "../docs/follow.js"))
	if err != nil {
		return err
	}
	made, err := os.Stat(filepath.Join(shopDir, ".next/BUILD_ID"))
	if err == nil && made.ModTime().After(changed) {
		return nil
	}
	for _, args := range [][]string{{"run", "client"}, {"ci", "--no-audit", "--no-fund"}, {"run", "build"}} {
		command := exec.Command("npm", args...)
		command.Dir = shopDir
		if said, err := command.CombinedOutput(); err != nil {
			return fmt.Errorf("web/nextjs: npm %s: %w\n%s", strings.Join(args, " "), err, said)
		}
	}
	return nil
}

// newest is when the newest of the files was written that a build is made of.
func newest(roots ...string) (latest time.Time, err error) {
	for _, root := range roots {
		err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			switch entry.Name() {
			case "node_modules", ".next", ".build", ".shop", "test":
				return filepath.SkipDir
			case "next-env.d.ts", "tsconfig.tsbuildinfo", "README.md": // the build writes them, or has no use for it
				return nil
			}
			info, err := entry.Info()
			if err == nil && !entry.IsDir() && info.ModTime().After(latest) {
				latest = info.ModTime()
			}
			return err
		})
		if err != nil {
			return latest, err
		}
	}
	return latest, nil
}
