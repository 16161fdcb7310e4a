package broker

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestATokenURLsRedirectIsNotFollowed(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the other host was asked") }))
	defer elsewhere.Close()
	moved := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect)) // which would send the body on
	defer moved.Close()
	source, err := OAuth{TokenURL: moved.URL, ClientID: "c", ClientSecret: "s"}.source()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := source(t.Context()); err == nil {
		t.Errorf("a token: %+v", got)
	}
}
