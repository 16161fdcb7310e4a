package pages

import (
	"io/fs"
	"net/http"
	"path"
	"regexp"
	"strings"

	"sluice"
)

// addManual adds the documentation: the pages of docs, and the files of the repository
// that they link to. Their links lead to what is served.
func addManual(files map[string]http.Handler) {
	eachFile(sluice.Manual, func(name string, content []byte) {
		if path.Ext(name) == ".md" || name == "docs/llms.txt" {
			content = linkToServed(name, content)
		}
		files[servedName(name)] = document(name, content)
	})
}

// servedName is where a file of the repository is below /docs/: the pages of docs come
// first there.
func servedName(file string) string {
	for _, first := range []string{"docs/", "web/docs/"} {
		if name, ok := strings.CutPrefix(file, first); ok {
			return name
		}
	}
	return file
}

// markdown matches code, in which nothing is a link, and links.
var markdown = regexp.MustCompile("(?ms)^ *```.*?^ *```|`[^`]*`|" + `\[([^\]]+)\]\(([^)#\s]+)(#[^)\s]*)?\)`)

// linkToServed makes links of a Markdown file lead to where their files are served. Of a
// link to any other file of the repository the text is left.
func linkToServed(file string, text []byte) []byte {
	up := strings.Repeat("../", strings.Count(servedName(file), "/"))
	return markdown.ReplaceAllFunc(text, func(found []byte) []byte {
		link := markdown.FindSubmatch(found)
		target := string(link[2])
		if target == "" || strings.Contains(target, ":") {
			return found
		}
		target = path.Join(path.Dir(file), target)
		if info, err := fs.Stat(sluice.Manual, target); err != nil || info.IsDir() {
			return link[1]
		}
		return []byte("[" + string(link[1]) + "](" + up + servedName(target) + string(link[3]) + ")")
	})
}
