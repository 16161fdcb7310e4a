package check

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// A registry that can't be asked is warned of, with the key that may cure it.
func TestTheSchemaRegistryIsAsked(t *testing.T) {
	registry := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, password, _ := r.BasicAuth()
		switch {
		case !strings.HasPrefix(r.URL.Path, "/api/schemas/ids/"):
			http.NotFound(w, r)
		case password != "hunter22":
			w.WriteHeader(http.StatusUnauthorized)
		default:
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"error_code":40403,"message":"Schema not found"}`)
		}
	}))
	t.Cleanup(registry.Close)
	secure := httptest.NewTLSServer(registry.Config.Handler)
	t.Cleanup(secure.Close)
	for _, tt := range []struct{ registry, want string }{
		{`{url: "` + registry.URL + `/api", username: u, password: hunter22}`, ""},
		{`{url: "` + registry.URL + `/api", username: u, password: wrong-7731}`, "it answers 401: check schema_registry.username"},
		{`{url: "` + registry.URL + `", username: u, password: hunter22}`, "is schema_registry.url right"},
		{`{url: "` + secure.URL + `/api", username: u, password: hunter22}`, "schema_registry.ca_file"},
		{`{url: "http://localhost:9", username: u, password: hunter22}`, "connection refused"},
	} {
		c := cluster(t)
		inDir(t, withBroker(c, shop)+"schema_registry: "+tt.registry+"\n", nil)
		status, _, stderr := runCheck(t)
		said := strings.Contains(stderr, "schema_registry.url: warning: the schema registry: ")
		if status != 0 || said != (tt.want != "") || !strings.Contains(stderr, tt.want) || strings.Contains(stderr, "hunter22") || strings.Contains(stderr, "7731") {
			t.Errorf("%s: status %d, %s", tt.registry, status, stderr)
		}
		if _, _, stderr = runCheck(t, "--offline"); strings.Contains(stderr, "the schema registry: ") {
			t.Errorf("%s: it is asked all the same: %s", tt.registry, stderr)
		}
	}
}
