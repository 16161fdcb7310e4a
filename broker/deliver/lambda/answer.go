package lambda

import (
	"encoding/json"
	"fmt"
	"net/http"

	"sluice/broker/deliver"
)

// outcome says what a function's answer means. One that has thrown, has run out of time
// or memory, or could not start is tried again. A database that is away looks the same as
// a record that the function can't read. To refuse a record, a function returns a
// statusCode, as it would behind its URL. That counts as a webhook's status does.
func outcome(functionError string, payload []byte) deliver.Outcome {
	if functionError != "" {
		var thrown struct {
			Type    string `json:"errorType"`
			Message string `json:"errorMessage"`
		}
		_ = json.Unmarshal(payload, &thrown) // what it doesn't say is left out
		err := fmt.Errorf("the function failed (%s)", deliver.Quoted(functionError))
		if thrown.Type+thrown.Message != "" {
			err = fmt.Errorf("%w: %s %s", err, deliver.Quoted(thrown.Type), deliver.Quoted(thrown.Message))
		}
		return deliver.Outcome{Verdict: deliver.Failed, Cause: "function_error", Err: err, Down: true}
	}
	var returned struct {
		StatusCode int `json:"statusCode"`
	}
	if json.Unmarshal(payload, &returned) != nil || returned.StatusCode < http.StatusContinue || returned.StatusCode > 999 {
		return deliver.Outcome{} // it returns what it likes, and has taken the record
	}
	return deliver.StatusOutcome(returned.StatusCode, "", 0)
}
