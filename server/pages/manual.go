package pages

import (
	"io/fs"
	"net/http"
	"path"
	"regexp"
	"strings"

	"sluice"
	"sluice/server/response"
)

// addManual adds the documentation: the pages of docs, and the files of the repository
// that they link to. Their links lead to what is served.
func addManual(files map[string]http.Handler) {
	err := fs.WalkDir(sluice.Manual, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(sluice.Manual, name)
		if err != nil {
			return err
		}
		kind, known := assetKinds[path.Ext(name)]
		if !known {
			kind = assetKinds[".txt"] // a configuration to read
		}
		if path.Ext(name) == ".md" || name == "docs/llms.txt" {
			content = linkToServed(name, content)
		}
		d := response.NewDocument(kind, content)
		files[servedName(name)] = &d
		return nil
	})
	if err != nil {
		panic(err) // they are embedded
	}
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
