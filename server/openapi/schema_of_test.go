package openapi

import (
	"encoding/json"
	"testing"
	"time"
)

type inner struct {
	At   *time.Time `json:"at"`
	Late *time.Time `json:"late,omitempty"`
}

type outer struct {
	inner
	Name   string         `json:"name"`
	Counts map[string]int `json:"counts"`
	List   []inner        `json:"list,omitempty"`
	Rate   float64        `json:"rate"`
	hidden bool
	Never  bool `json:"-"`
}

// TestOf: what a type marshals to, as a schema.
func TestOf(t *testing.T) {
	got, err := json.Marshal(Of[outer]("about"))
	if err != nil {
		t.Fatal(err)
	}
	const at = `"at":{"type":["string","null"],"format":"date-time"},"late":{"type":"string","format":"date-time"}`
	want := `{"type":"object","description":"about","properties":{"at":{"type":["string","null"],"format":"date-time"},"counts":{"type":"object","additionalProperties":{"type":"integer"}},` +
		`"late":{"type":"string","format":"date-time"},"list":{"type":"array","items":{"type":"object","properties":{` + at + `},"required":["at"]}},` +
		`"name":{"type":"string"},"rate":{"type":"number"}},"required":["at","name","counts","rate"]}`
	if string(got) != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	_ = outer{}.hidden
}

// TestUsed takes what is referred to, over any number of steps, and nothing else.
func TestUsed(t *testing.T) {
	all := Properties{"A": List(Ref("B"), ""), "B": Object("", Properties{"a": Ref("A")}), "C": String("")}
	if used := Used(Document{Paths: map[string]Path{"/": {"get": {Responses: map[string]Response{"200": {Content: map[string]Media{"x": {Schema: Ref("A")}}}}}}}}, all); len(used) != 2 || used["C"] != nil {
		t.Errorf("%v", used)
	}
}
