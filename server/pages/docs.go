package pages

import (
	"bytes"
	"compress/gzip"
	"io"
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

// docsFiles are the files of the API's pages and of the documentation, by name.
var docsFiles = sync.OnceValue(func() map[string]http.Handler {
	files := map[string]http.Handler{}
	eachFile(web.Docs, func(name string, content []byte) {
		if plain, packed := strings.CutSuffix(name, ".gz"); packed {
			files[path.Base(plain)] = newPacked(kindOf(plain), content)
		} else {
			files[name] = document(name, content)
		}
	})
	addManual(files)
	return files
})

// Pages that stand first below /docs/: Portal on the public address, API on the admin
// one.
const (
	Portal = "index.html"
	API    = "api.html"
)

// keysPage is the portal's, which is on the public address only.
const keysPage = "keys.html"

// Docs serves the API's pages below /docs/. On either address they are about that
// same address. Like the console's, the files hold nothing that isn't in everybody's
// binary.
func Docs(index string, missing http.HandlerFunc) http.Handler {
	return below("/docs/", missing, func(name string) (http.Handler, string) {
		switch name {
		case "":
			name = index
		case index, Portal: // what Portal is about is for those who use the public address
			return nil, ""
		case keysPage:
			if index != Portal {
				return nil, ""
			}
		}
		if name == API {
			return docsFiles()[name], viewerPolicy
		}
		return docsFiles()[name], policy
	})
}

// packed is a text that goes out compressed to clients that take it.
type packed struct{ small, large func() response.Document }

// newPacked is of a text that is compressed in the binary.
func newPacked(mediaType string, small []byte) *packed {
	once := response.NewDocument(mediaType, small)
	return &packed{func() response.Document { return once }, sync.OnceValue(func() response.Document {
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

// newPackable is of a text that is compressed when somebody first takes it so.
func newPackable(mediaType string, large []byte) *packed {
	once := response.NewDocument(mediaType, large)
	return &packed{sync.OnceValue(func() response.Document {
		var small bytes.Buffer
		w, err := gzip.NewWriterLevel(&small, gzip.BestCompression)
		if err != nil {
			panic(err) // there is such a level
		}
		_, _ = w.Write(large) // into memory
		_ = w.Close()
		return response.NewDocument(mediaType, small.Bytes())
	}), func() response.Document { return once }}
}

// ServeHTTP answers GET and HEAD.
func (p *packed) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Vary", "Accept-Encoding")
	if takesGzip(r) {
		w.Header().Set("Content-Encoding", "gzip")
		small := p.small()
		small.ServeHTTP(w, r)
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
