package pages

import (
	"net/http"

	"sluice/server/describe"
	"sluice/server/openapi"
)

// Routes describes the routes of pages, which either address has. home is what leads from
// the address alone to a page.
func Routes(home string) map[string]describe.Route {
	return map[string]describe.Route{
		"GET /": {Operation: openapi.Operation{ID: "home", Tags: []string{describe.TagPages}, Summary: home, Responses: redirects()}},
		"GET /console": {Operation: openapi.Operation{
			ID: "toConsole", Tags: []string{describe.TagPages}, Summary: "Redirects to the console", Responses: redirects(),
		}},
		"GET /console/*": {Operation: openapi.Operation{
			ID: "console", Tags: []string{describe.TagPages}, Summary: "The console and its files",
			Description: "The page itself is `console/`.",
			Parameters:  []openapi.Parameter{fileParameter},
			Responses:   file("text/html", "text/css", "text/javascript", "image/svg+xml"),
		}},
		"GET /docs": {Operation: openapi.Operation{
			ID: "toDocs", Tags: []string{describe.TagPages}, Summary: "Redirects to the API's pages", Responses: redirects(),
		}},
		"GET /docs/*": {Operation: openapi.Operation{
			ID: "docs", Tags: []string{describe.TagPages}, Summary: "The API's pages and their files",
			Description: "The page itself is `docs/`.",
			Parameters:  []openapi.Parameter{fileParameter},
			Responses:   file("text/html", "text/css", "text/javascript", "image/svg+xml"),
		}},
	}
}

var fileParameter = openapi.Parameter{Name: "file", In: "path", Required: true, Description: "A file's name.", Schema: openapi.String("")}

// redirects is the answer that names another page.
func redirects() describe.Responses {
	return describe.Responses{}.With(http.StatusTemporaryRedirect, openapi.Response{Description: "The page has moved to this address.", Headers: describe.Headers(describe.Header("Location", "A relative URL, since the gateway may be served below any path.", openapi.String("")))})
}

// file is the answer of files of these types.
func file(mediaTypes ...string) describe.Responses {
	tagged := describe.Headers(describe.Header("ETag", "Version of the file.", openapi.String("")))
	content := map[string]openapi.Media{}
	for _, one := range mediaTypes {
		content[one] = openapi.Media{}
	}
	return describe.Responses{}.
		With(http.StatusOK, openapi.Response{Description: "The file.", Headers: tagged, Content: content}).
		With(http.StatusNotModified, openapi.Response{Description: "Not changed: it is what `If-None-Match` names.", Headers: tagged}).
		Problem(http.StatusNotFound, "There is no such file.", "not-found")
}
