package server

import (
	"net/http"

	"sluice/server/openapi"
)

// The routes of pages, which either address has.
var (
	toConsoleRoute = described{Operation: openapi.Operation{
		ID: "toConsole", Tags: []string{tagPages}, Summary: "Redirects to the console", Responses: leads(),
	}}
	consoleRoute = described{Operation: openapi.Operation{
		ID: "console", Tags: []string{tagPages}, Summary: "The console and its files",
		Description: "The page itself is `console/`.",
		Parameters:  []openapi.Parameter{fileParameter},
		Responses:   file("text/html", "text/css", "text/javascript", "image/svg+xml"),
	}}
	toDocsRoute = described{Operation: openapi.Operation{
		ID: "toDocs", Tags: []string{tagPages}, Summary: "Redirects to the API's pages", Responses: leads(),
	}}
	docsRoute = described{Operation: openapi.Operation{
		ID: "docs", Tags: []string{tagPages}, Summary: "The API's pages and their files",
		Description: "The page itself is `docs/`.",
		Parameters:  []openapi.Parameter{fileParameter},
		Responses:   file("text/html", "text/css", "text/javascript", "image/svg+xml"),
	}}

	fileParameter = openapi.Parameter{Name: "file", In: "path", Required: true, Description: "A file's name.", Schema: openapi.String("")}
)

// homeRoute is of what leads from the address alone to a page.
func homeRoute(about string) described {
	return described{Operation: openapi.Operation{ID: "home", Tags: []string{tagPages}, Summary: about, Responses: leads()}}
}

// leads is the answer that names another page.
func leads() answers {
	return answers{}.with(http.StatusTemporaryRedirect, openapi.Response{Description: "The page has moved to this address.", Headers: headers(header("Location", "A relative URL, since the gateway may be served below any path.", openapi.String("")))})
}

// file is the answer of files of these types.
func file(mediaTypes ...string) answers {
	tagged := headers(header("ETag", "Version of the file.", openapi.String("")))
	content := map[string]openapi.Media{}
	for _, one := range mediaTypes {
		content[one] = openapi.Media{}
	}
	return answers{}.
		with(http.StatusOK, openapi.Response{Description: "The file.", Headers: tagged, Content: content}).
		with(http.StatusNotModified, openapi.Response{Description: "Not changed: it is what `If-None-Match` names.", Headers: tagged}).
		problem(http.StatusNotFound, "There is no such file.", "not-found")
}
