package pages

import (
	"bytes"
	"compress/gzip"
	"io"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"sync"

	"sluice/server/response"
	"sluice/web"
)

// viewerPolicy is what Swagger UI takes beyond what other pages do: its style sheet has
// pictures in it. It writes its page as text, so it can't do with Trusted Types.
const viewerPolicy = policy + "; img-src 'self' data:"

// docsFiles are the files of the API's pages by name, but for the page that index takes
// the place of; index is the page itself, which has the empty name.
func docsFiles(index string) map[string]http.Handler {
	files := map[string]http.Handler{}
	err := fs.WalkDir(web.Docs, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(web.Docs, name)
		if err != nil {
			return err
		}
		switch plain, packed := strings.CutSuffix(name, ".gz"); {
		case packed:
			files[path.Base(plain)] = newPacked(assetKinds[path.Ext(plain)], content)
		case name == index:
			d := response.NewDocument(assetKinds[path.Ext(name)], content)
			files[""] = &d
		default:
			d := response.NewDocument(assetKinds[path.Ext(name)], content)
			files[name] = &d
		}
		return nil
	})
	if err != nil {
		panic(err) // they are embedded
	}
	addManual(files)
	if index == API { // which the other page would be about: it is for those who use the public address
		delete(files, Portal)
	}
	return files
}

// Pages that stand first below /docs/: Portal on the public address, API on the admin
// one.
const (
	Portal = "index.html"
	API    = "api.html"
)

// Docs serves the API's pages below /docs/. On either address they are about that
// same address. Like the console's, the files hold nothing that isn't in everybody's
// binary.
func Docs(index string, missing http.HandlerFunc) http.Handler {
	files := docsFiles(index)
	return Headers(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, name, _ := strings.Cut(r.URL.Path, "/docs/")
		file, found := files[name]
		if !found {
			missing(w, r)
			return
		}
		if name == API || name == "" && index == API {
			w.Header().Set("Content-Security-Policy", viewerPolicy)
		}
		file.ServeHTTP(w, r)
	}))
}

// packed is a text that is compressed in the binary, and goes out so to clients that take
// it.
type packed struct {
	small response.Document
	large func() response.Document // for those who don't
}

func newPacked(mediaType string, small []byte) *packed {
	return &packed{response.NewDocument(mediaType, small), sync.OnceValue(func() response.Document {
		r, err := gzip.NewReader(bytes.NewReader(small))
		if err != nil {
			panic(err) // it is embedded
		}
		large, err := io.ReadAll(r)
		if err != nil {
			panic(err)
		}
		return response.NewDocument(mediaType, large)
	})}
}

// ServeHTTP answers GET and HEAD.
func (p *packed) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Vary", "Accept-Encoding")
	if takesGzip(r) {
		w.Header().Set("Content-Encoding", "gzip")
		p.small.ServeHTTP(w, r)
		return
	}
	large := p.large()
	large.ServeHTTP(w, r)
}

// takesGzip reports whether Accept-Encoding names gzip, and not only to refuse it.
func takesGzip(r *http.Request) bool {
	for one := range strings.SplitSeq(strings.Join(r.Header.Values("Accept-Encoding"), ","), ",") {
		coding, weight, _ := strings.Cut(strings.ReplaceAll(one, " ", ""), ";")
		if strings.EqualFold(coding, "gzip") {
			return strings.Trim(strings.TrimPrefix(weight, "q="), "0.") != "" || weight == ""
		}
	}
	return false
}
