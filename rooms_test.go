// Package sluice_test holds what must be true of the project as a whole.
package sluice_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "sluice"

// A room is a directory with everything below it, and what its code may import besides
// the standard library and itself. Tests inside its packages are held to the same, but
// may use all of the standard library. Tests outside them (package x_test) may import
// what they like, for they see the room as any other does.
type room struct {
	dir    string
	ours   []string          // of our rooms, the ones it may import
	theirs func(string) bool // of other modules' packages, the ones it may import
	never  []string          // standard packages, each with what lies below it: not for tests
}

// rooms is the import table: broker brings in, stream holds, server carries out, cmd
// wires, web and . are files, cmd/sluice-bench measures. stream/cursor and stream/sse
// are leaves, for any room that may use stream. shown hides what an address must not
// show. A directory belongs to the first room that it lies in.
var rooms = []room{
	{dir: "stream/arena", theirs: none, never: []string{"net", "log", "os"}},
	{dir: "stream/cursor", theirs: none, never: []string{"net", "log"}},
	{dir: "stream/sse", ours: []string{"stream/ssetest"}, theirs: none, never: []string{"net", "log"}},
	{dir: "stream/ssetest", theirs: none, never: []string{"net", "log"}},
	{dir: "stream", theirs: none, never: []string{"net", "log"}},
	{dir: "broker/kafkatest", theirs: all},
	// What a record means depends on the record alone, so nothing here can ask anybody. A
	// schema that isn't known is asked for by broker/schema, in the background.
	{dir: "broker/document", theirs: recordsAndJSON, never: []string{"net", "log", "os"}},
	{dir: "broker/change", ours: []string{"broker/document"}, theirs: recordsAndJSON, never: []string{"net", "log", "os"}},
	{dir: "broker/shape", ours: []string{"broker/document"}, theirs: jq, never: []string{"net", "log", "os"}},
	{dir: "broker/schema", ours: []string{"broker/document", "broker/reread", "shown"}, theirs: all},
	{
		dir: "broker/record", ours: []string{"stream", "broker/document", "broker/change", "broker/shape", "broker/schema"},
		theirs: recordsAndJSON, never: []string{"net", "log", "os"},
	},
	{dir: "broker/connect", ours: []string{"broker/reread", "shown"}, theirs: only("github.com/twmb/franz-go/pkg/")},
	{dir: "broker/reread", theirs: none, never: []string{"net"}},
	// Targets in clouds, and what shows a cloud who calls: no others know its modules.
	{dir: "broker/deliver/cloudtest", theirs: none},
	{dir: "broker/deliver/awsauth", ours: []string{"broker/deliver", "shown"}, theirs: aws},
	{dir: "broker/deliver/eventbridge", ours: []string{"broker/deliver", "broker/shape"}, theirs: aws},
	{dir: "broker/deliver/lambda", ours: []string{"broker/deliver", "broker/shape"}, theirs: aws},
	{dir: "broker/deliver/googleauth", ours: []string{"broker/reread", "shown"}, theirs: google},
	{dir: "broker/deliver", ours: []string{"broker", "stream", "shown"}, theirs: kafkaAndRates},
	{dir: "broker/publish", ours: []string{"broker"}, theirs: only("github.com/twmb/franz-go/pkg/")},
	{dir: "broker", ours: []string{"stream", "shown"}, theirs: all},
	{dir: "server/jsonxml", theirs: none, never: []string{"net", "log", "os"}},
	// None of these knows the server that it is a part of.
	{dir: "server/auth", ours: []string{"stream", "shown"}, theirs: only("github.com/lestrrat-go/jwx/")},
	{dir: "server/certificates", theirs: none},
	{dir: "server/cors", theirs: only("github.com/go-chi/cors")},
	{dir: "server/openapi", theirs: none, never: []string{"net", "log", "os"}},
	{dir: "server/response", ours: []string{"stream", "server/auth"}, theirs: none},
	{dir: "server/publish", ours: []string{"server/response"}, theirs: none, never: []string{"log"}},
	{dir: "server/deprecation", theirs: none, never: []string{"log", "os"}},
	{dir: "server/describe", ours: []string{"server/auth", "server/openapi", "server/response"}, theirs: only("github.com/go-chi/chi/")},
	{dir: "server/deflate", ours: []string{"stream"}, theirs: none, never: []string{"log", "os"}},
	{dir: "server/limit", ours: []string{"stream"}, theirs: none},
	{dir: "server/hold", ours: []string{"stream", "server/leaktest"}, theirs: only("golang.org/x/sys/")},
	{dir: "server/leaktest", theirs: none},
	{dir: "server/logins", ours: []string{"stream", "server/auth", "server/leaktest"}, theirs: none, never: []string{"net", "log", "os"}},
	{dir: "server/status", ours: []string{"stream", "server/response"}, theirs: none, never: []string{"net", "log", "os"}},
	{dir: "server/metrics", ours: []string{"stream", "server/auth", "server/deflate", "server/status"}, theirs: only("github.com/prometheus/")},
	{dir: "server/pages", ours: []string{".", "web", "server/describe", "server/openapi", "server/response"}, theirs: none},
	{
		dir: "server/portal", theirs: only("github.com/go-chi/chi/"),
		ours: []string{"stream", "server/auth", "server/describe", "server/limit", "server/openapi", "server/response"},
	},
	{
		dir: "server/operators", theirs: only("github.com/go-chi/chi/"),
		ours: []string{"stream", "server/auth", "server/describe", "server/limit", "server/metrics", "server/openapi", "server/response", "server/status"},
	},
	{dir: "server/listen", ours: []string{"server/hold", "server/limit"}, theirs: notKafka},
	// Its tests have a client of another's, and a connection that is held.
	{dir: "server/ws", ours: []string{"stream", "server/hold"}, theirs: only("github.com/coder/websocket"), never: []string{"log", "os"}},
	{dir: "server", ours: []string{"stream", "web", "shown"}, theirs: notKafka},
	{dir: "web", theirs: none},
	{dir: "shown", theirs: none},
	{dir: ".", theirs: none}, // the documentation, embedded
	// The end-to-end tests judge the gateway from outside, so they may not look inside.
	{dir: "cmd/internal/e2e", ours: []string{"broker/kafkatest", "stream/ssetest"}, theirs: all},
	// The benchmark measures the gateway as a process: none of its code is in there.
	{dir: "cmd/sluice-bench", theirs: all},
	{dir: "cmd", ours: []string{"broker", "server", "shown", "stream", "web"}, theirs: noCompetitor},
}

func none(string) bool { return false }

func all(string) bool { return true }

func only(prefix string) func(string) bool {
	return func(imported string) bool { return strings.HasPrefix(imported, prefix) }
}

func notKafka(imported string) bool { return !strings.HasPrefix(imported, "github.com/twmb/") }

func kafkaAndRates(imported string) bool {
	return strings.HasPrefix(imported, "github.com/twmb/franz-go/pkg/") || imported == "golang.org/x/time/rate"
}

// aws are the SDK's modules. Its tests make records.
func aws(imported string) bool {
	return strings.HasPrefix(imported, "github.com/aws/") || imported == "github.com/twmb/franz-go/pkg/kgo"
}

func google(imported string) bool {
	return strings.HasPrefix(imported, "golang.org/x/oauth2") || imported == "cloud.google.com/go/compute/metadata"
}

func jq(imported string) bool {
	return imported == "github.com/itchyny/gojq" || recordsAndJSON(imported)
}

func recordsAndJSON(imported string) bool {
	return imported == "github.com/twmb/franz-go/pkg/kgo" || imported == "github.com/tidwall/gjson"
}

// noCompetitor leaves out what only the benchmark runs. (r3labs/sse is the client of
// sluice tail.)
func noCompetitor(imported string) bool { return !strings.HasPrefix(imported, "github.com/tmaxmax/") }

// complaint says what is wrong with an import by code of the room; empty means nothing
// is.
func (r room) complaint(imported string, isTest bool) string {
	dir, ours := strings.CutPrefix(imported, module+"/")
	if imported == module {
		dir, ours = ".", true
	}
	first, _, _ := strings.Cut(imported, "/")
	switch {
	case ours && within(dir, append(r.ours, r.dir)):
		return ""
	case ours:
		return "of ours it may import only " + strings.Join(append(r.ours, "itself"), ", ")
	case strings.Contains(first, ".") && !r.theirs(imported):
		return "the room doesn't take that module"
	case !strings.Contains(first, ".") && !isTest && within(imported, r.never):
		return "the room has nothing to do with that"
	}
	return ""
}

// within reports whether dir is, or lies below, one of the directories.
func within(dir string, dirs []string) bool {
	return slices.ContainsFunc(dirs, func(d string) bool {
		return dir == d || strings.HasPrefix(dir, d+"/")
	})
}

func TestRoomsImportOnlyWhatTheyMay(t *testing.T) {
	for _, f := range sources(t) {
		if strings.HasSuffix(f.tree.Name.Name, "_test") {
			continue
		}
		at := slices.IndexFunc(rooms, func(r room) bool { return within(path.Dir(f.name), []string{r.dir}) })
		if at < 0 {
			t.Errorf("%s is in no room of the import table", f.name)
			continue
		}
		for _, spec := range f.tree.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			if wrong := rooms[at].complaint(imported, f.isTest()); wrong != "" {
				t.Errorf("%s imports %s: %s", f.at(spec), imported, wrong)
			}
		}
	}
}

// Broker may call out over HTTP (tokens, webhooks), but what serves is in server.
func TestBrokerServesNoHTTP(t *testing.T) {
	serving := []string{"Handler", "HandlerFunc", "ListenAndServe", "ListenAndServeTLS", "NewServeMux", "ResponseWriter", "Serve", "ServeMux", "Server"}
	for _, f := range sources(t) {
		if !within(f.name, []string{"broker"}) || f.isTest() {
			continue
		}
		f.selections(func(at ast.Node, pkg, name string) {
			if pkg == "http" && slices.Contains(serving, name) {
				t.Errorf("%s uses http.%s: serving is the room server's", f.at(at), name)
			}
		})
	}
}

// Servers of competitors are run by the benchmark, and are in no program but that.
func TestOnlyTheBenchmarkRunsCompetitors(t *testing.T) {
	serving := []string{"New", "NewWithCallback", "Server"}
	for _, f := range sources(t) {
		if within(f.name, []string{"cmd/sluice-bench"}) || f.isTest() || !f.imports("github.com/r3labs/sse/v2") {
			continue
		}
		f.selections(func(at ast.Node, pkg, name string) {
			if pkg == "sse" && slices.Contains(serving, name) {
				t.Errorf("%s uses r3labs' sse.%s: its server is only there to be measured", f.at(at), name)
			}
		})
	}
}

// A test that sleeps is slow on a fast machine and fails on a slow one.
func TestTestsDoNotSleep(t *testing.T) {
	for _, f := range sources(t) {
		if !f.isTest() {
			continue
		}
		f.selections(func(at ast.Node, pkg, name string) {
			if pkg == "time" && name == "Sleep" {
				t.Errorf("%s sleeps: wait for a condition, a channel, or in a testing/synctest bubble", f.at(at))
			}
		})
	}
}

func TestImportTable(t *testing.T) {
	byDir := make(map[string]room)
	for _, r := range rooms {
		byDir[r.dir] = r
	}
	for _, tt := range []struct {
		room, imported string
		may            bool
	}{
		{"stream", "sync", true},
		{"stream", "sluice/stream/cursor", true},
		{"stream/arena", "sluice/stream", false},
		{"stream/cursor", "sluice/stream", false},
		{"stream/cursor", "log/slog", false},
		{"stream/sse", "sluice/stream", false},
		{"stream/ssetest", "sluice/stream/sse", false},
		{"stream", "sluice/stream/ssetest", true},
		{"stream", "net/http", false},
		{"stream", "log/slog", false},
		{"stream", "golang.org/x/sys/unix", false},
		{"stream", "sluice/web", false},
		{"broker/record", "sluice/stream", true},
		{"broker/record", "sluice/broker", false},
		{"broker/record", "net/http", false},
		{"broker/record", "github.com/twmb/franz-go/pkg/kadm", false},
		{"broker/connect", "sluice/broker/reread", true},
		{"broker/connect", "sluice/broker", false},
		{"broker/connect", "sluice/stream", false},
		{"broker/deliver", "sluice/broker", true},
		{"broker/deliver", "sluice/server", false},
		{"broker/deliver", "golang.org/x/time/rate", true},
		{"broker/deliver", "github.com/prometheus/client_golang/prometheus", false},
		{"broker/deliver", "github.com/aws/aws-sdk-go-v2/aws", false},
		{"broker/deliver/awsauth", "github.com/aws/smithy-go", true},
		{"broker/deliver/awsauth", "golang.org/x/oauth2/google", false},
		{"broker/deliver/eventbridge", "sluice/broker/deliver/awsauth", true},
		{"broker/deliver/eventbridge", "sluice/broker", false},
		{"broker/deliver/lambda", "github.com/aws/aws-sdk-go-v2/service/lambda", true},
		{"broker/deliver/googleauth", "golang.org/x/oauth2", true},
		{"broker/deliver/googleauth", "sluice/broker/deliver", false},
		{"broker", "sluice/stream", true},
		{"broker", "sluice/broker/record", true},
		{"broker", "net/http", true},
		{"broker", "sluice/server", false},
		{"server", "sluice/broker", false},
		{"server", "sluice/server/operators", true},
		{"server/operators", "sluice/server", false},
		{"server/operators", "sluice/server/hold", false},
		{"server/ws", "sluice/server", false},
		{"server/ws", "sluice/broker", false},
		{"server/deprecation", "sluice/stream", false},
		{"server/cors", "github.com/go-chi/cors", true},
		{"server/cors", "github.com/go-chi/chi/v5", false},
		{"server/logins", "net/http", false},
		{"server/pages", "sluice/web", true},
		{"server/pages", "sluice", true},
		{"server", "sluice", false},
		{"server", "github.com/twmb/franz-go/pkg/kgo", false},
		{"server", "github.com/go-chi/chi/v5", true},
		{"web", "embed", true},
		{"web", "sluice/stream", false},
		{"cmd/internal/e2e", "sluice/stream", false},
		{"cmd/internal/e2e", "sluice/stream/ssetest", true},
		{"cmd", "sluice/broker", true},
		{"cmd", "github.com/tmaxmax/go-sse", false},
		{"cmd", "github.com/r3labs/sse/v2", true},
		{"cmd/sluice-bench", "sluice/stream", false},
		{"cmd/sluice-bench", "sluice/cmd/internal/cmdline", false},
		{"cmd/sluice-bench", "sluice/cmd/sluice-bench/internal/load", true},
		{"cmd/sluice-bench", "github.com/tmaxmax/go-sse", true},
	} {
		if wrong := byDir[tt.room].complaint(tt.imported, false); (wrong == "") != tt.may {
			t.Errorf("%s importing %s: %q, want allowed: %v", tt.room, tt.imported, wrong, tt.may)
		}
	}
}

// source is one Go file of the project, for whatever system it is.
type source struct {
	name  string // from the project's root
	files *token.FileSet
	tree  *ast.File
}

func (f source) isTest() bool { return strings.HasSuffix(f.name, "_test.go") }

func (f source) at(n ast.Node) token.Position { return f.files.Position(n.Pos()) }

func (f source) imports(path string) bool {
	return slices.ContainsFunc(f.tree.Imports, func(spec *ast.ImportSpec) bool { return spec.Path.Value == strconv.Quote(path) })
}

// selections calls visit for each x.name in the file.
func (f source) selections(visit func(at ast.Node, x, name string)) {
	ast.Inspect(f.tree, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok {
				visit(s, x.Name, s.Sel.Name)
			}
		}
		return true
	})
}

func sources(t *testing.T) []source {
	t.Helper()
	var found []source
	files := token.NewFileSet()
	err := fs.WalkDir(os.DirFS("."), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == "node_modules" || len(name) > 1 && strings.HasPrefix(entry.Name(), ".")):
			return fs.SkipDir
		case entry.IsDir() || path.Ext(name) != ".go":
			return nil
		}
		tree, err := parser.ParseFile(files, name, nil, parser.ParseComments|parser.SkipObjectResolution)
		found = append(found, source{name: name, files: files, tree: tree})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
