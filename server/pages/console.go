package pages

import (
	"net/http"
	"path"
	"sync"

	"sluice/web"
)

// consolePolicy has browsers refuse text that a script would turn into code or markup.
const consolePolicy = policy + "; require-trusted-types-for 'script'; trusted-types 'none'"

// consoleFiles are the console's files by name.
var consoleFiles = sync.OnceValue(func() map[string]http.Handler {
	files := map[string]http.Handler{}
	eachFile(web.Console, func(name string, content []byte) { files[name] = document(name, content) })
	return files
})

// Console serves the console below /console/. On either address it is a page that
// asks that same address: index, which has the empty name. The files hold nothing that
// isn't in everybody's binary, so they ask for no token: what the page shows, it has to
// ask for. missing answers for other names.
func Console(index string, missing http.HandlerFunc) http.Handler {
	return below("/console/", missing, func(name string) (http.Handler, string) {
		switch {
		case name == "":
			name = index
		case path.Ext(name) == ".html":
			return nil, ""
		}
		return consoleFiles()[name], consolePolicy
	})
}
