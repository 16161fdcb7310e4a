package server

import (
	_ "embed"
	"encoding/json"

	"sluice/server/openapi"
)

// describe_examples.json has an example of each body, by the name of its schema. All tell
// of one order of alice.
//
//go:embed describe_examples.json
var bodyExamplesText []byte

var bodyExamples = func() (examples map[string]json.RawMessage) {
	if err := json.Unmarshal(bodyExamplesText, &examples); err != nil {
		panic(err) // it is embedded
	}
	return examples
}()

// showExamples gives the schemas of bodies their examples. A viewer shows them in place
// of "string" for each text.
func showExamples(schemas openapi.Properties) openapi.Properties {
	for name, example := range bodyExamples {
		schemas[name].Examples = []any{example}
	}
	return schemas
}
