package openapi

import (
	"encoding/json"
	"regexp"
)

var reference = regexp.MustCompile(`"#/components/schemas/([^"]+)"`)

// Used returns those of all schemas that v refers to once it is JSON, and those that
// these refer to.
func Used(v any, all Properties) Properties {
	used := Properties{}
	var look func(v any)
	look = func(v any) {
		text, err := json.Marshal(v)
		if err != nil {
			panic(err) // texts and numbers
		}
		for _, found := range reference.FindAllSubmatch(text, -1) {
			if name := string(found[1]); used[name] == nil {
				used[name] = all[name]
				look(all[name])
			}
		}
	}
	look(v)
	return used
}
