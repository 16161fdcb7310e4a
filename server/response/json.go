package response

import (
	"bytes"
	"encoding/json"
	"net/http"
)

// MustJSON is for what can't fail: texts, numbers, times. It escapes no HTML, which none
// of it is.
func MustJSON(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// JSON answers with a body that no cache may keep.
func JSON(w http.ResponseWriter, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil { // bodies are plain structs with times that JSON can write
		NewProblem(http.StatusInternalServerError, "internal", "The answer can't be written", "").Write(w)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	w.Write(append(text, '\n')) // a client that is gone has no use for the error
}
