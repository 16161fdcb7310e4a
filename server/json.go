package server

import (
	"bytes"
	"encoding/json"
	"net/http"
)

// mustJSON is for what can't fail: texts, numbers, times. It escapes no HTML, which none
// of it is.
func mustJSON(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil { // bodies are plain structs with times that JSON can write
		newProblem(http.StatusInternalServerError, "internal", "The answer can't be written", "").write(w)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	w.Write(append(text, '\n')) // a client that is gone has no use for the error
}
