package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sluice/server/describe"
)

// TestTextsHaveExamples: a viewer shows "string" for a text that has none, and a reader
// learns nothing from that. It is about what is answered in JSON.
func TestTextsHaveExamples(t *testing.T) {
	f := newFixture(t, withEverything)
	for name, handler := range map[string]http.Handler{"public": f.Handler(), "admin": f.Admin()} {
		w := inquire(handler, "/openapi.json", "Authorization", "Bearer a token for operators")
		var document map[string]any
		if err := json.Unmarshal(w.Body.Bytes(), &document); err != nil {
			t.Fatal(err)
		}
		looked := map[string]bool{}
		for path, methods := range document["paths"].(map[string]any) {
			for _, operation := range methods.(map[string]any) {
				for status, response := range operation.(map[string]any)["responses"].(map[string]any) {
					content, _ := response.(map[string]any)["content"].(map[string]any)
					for kind, media := range content {
						if media := media.(map[string]any); strings.HasSuffix(kind, "json") && media["example"] == nil {
							lookForTexts(t, document, looked, media["schema"], name+" "+path+" "+status)
						}
					}
				}
			}
		}
	}
}

// lookForTexts fails for each text below a schema of which a viewer could show nothing.
func lookForTexts(t *testing.T, document map[string]any, looked map[string]bool, at any, where string) {
	schema, _ := at.(map[string]any)
	if ref, ok := schema["$ref"].(string); ok {
		name := ref[strings.LastIndex(ref, "/")+1:]
		if looked[name] {
			return
		}
		looked[name] = true
		at = document["components"].(map[string]any)["schemas"].(map[string]any)[name]
		lookForTexts(t, document, looked, at, name)
		return
	}
	if schema["examples"] != nil || schema["enum"] != nil || schema["const"] != nil || schema["format"] != nil {
		return
	}
	types, _ := schema["type"].([]any)
	if schema["type"] == "string" || slices.Contains(types, any("string")) {
		t.Errorf("%s: a text without an example: %v", where, schema["description"])
	}
	for name, property := range schema {
		switch name {
		case "properties":
			for name, one := range property.(map[string]any) {
				lookForTexts(t, document, looked, one, where+"."+name)
			}
		case "items", "additionalProperties":
			lookForTexts(t, document, looked, property, where)
		case "allOf", "anyOf", "oneOf":
			for _, one := range property.([]any) {
				lookForTexts(t, document, looked, one, where)
			}
		}
	}
}

// TestExamplesAreAsDescribed, and have no member that answers don't have.
func TestExamplesAreAsDescribed(t *testing.T) {
	f := newFixture(t, withEverything)
	d, admin := description(t, f.Handler()), description(t, f.Admin())
	for name, example := range bodyExamples {
		if d.Components.Schemas[name] != nil {
			meets(t, d, name, string(example))
		} else {
			meets(t, admin, name, string(example))
		}
	}
}

// TestExamplesOfProblemsHaveTheirTitles: those that the sources give to this code.
func TestExamplesOfProblemsHaveTheirTitles(t *testing.T) {
	var sources strings.Builder
	for _, folder := range []string{".", "operators", "portal", "publish", "response"} {
		files, err := filepath.Glob(filepath.Join(folder, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			sources.Write(text)
		}
	}
	f := newFixture(t, withEverything)
	seen := 0
	for _, d := range []openAPI{description(t, f.Handler()), description(t, f.Admin())} {
		for path, methods := range d.Paths {
			for _, operation := range methods {
				for status, response := range operation.Responses {
					example, shown := response.Content[describe.ProblemType].Example.(map[string]any)
					if !shown {
						continue
					}
					seen++
					code := strings.TrimPrefix(example["type"].(string), "urn:sluice:problem:")
					if fmt.Sprint(example["status"]) != status {
						t.Errorf("%s: %s has the example %v", path, status, example)
					}
					given := fmt.Sprintf("%q, %q", code, example["title"])
					switch {
					case status == "400":
						given = fmt.Sprintf("code, %q, detail", example["title"])
					case strings.HasPrefix(code, "identity-"):
						given = fmt.Sprintf(`"identity-"+string(refused.Reason), %q`, example["title"])
					}
					if !strings.Contains(sources.String(), given) {
						t.Errorf("%s: no source has the title of %v", path, example)
					}
				}
			}
		}
	}
	if seen < 20 {
		t.Errorf("only %d problems have an example", seen)
	}
}
