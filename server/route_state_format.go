package server

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"sluice/server/describe"
	"sluice/server/jsonxml"
	"sluice/server/openapi"
	"sluice/server/response"
)

// bodyFormat writes an answer of /state, which is one object with a list of events.
type bodyFormat interface {
	// setHeader says what the answer is.
	setHeader(http.Header)

	// tag is a state's tag in this format. Two formats are two representations.
	tag(of string) string

	// begin writes all but the events. head is a JSON object of it, and name is what the
	// answer is.
	begin(dst []byte, name string, head []byte) []byte

	// event writes one event, which write appends as JSON.
	event(dst []byte, first bool, write func(dst []byte) []byte) []byte

	// holds reports whether a payload can be data. Otherwise it is text.
	holds(payload []byte) bool

	end(dst []byte, name string) []byte
}

// formatOf is the format that a request asks for. Without ?format= the Accept header
// decides. A browser's tab names XML before anything, and text/html as well.
func formatOf(r *http.Request) (bodyFormat, *response.Problem) {
	switch format := r.URL.Query().Get("format"); {
	case format == "xml", format == "" && acceptsXML(r.Header.Values("Accept")):
		return new(xmlBody), nil
	case format == "", format == "json":
		return jsonBody{}, nil
	}
	return nil, response.BadRequest("format", "The format parameter is json or xml.")
}

// acceptsXML reports whether an Accept header names application/xml, and neither JSON nor
// text/html.
func acceptsXML(accept []string) bool {
	xml := false
	for item := range strings.SplitSeq(strings.Join(accept, ","), ",") {
		name, parameters, _ := strings.Cut(item, ";")
		if refuses(parameters) {
			continue
		}
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "application/xml":
			xml = true
		case describe.JSONType, "text/html":
			return false
		}
	}
	return xml
}

// refuses reports whether the parameters of an item of Accept have a weight of 0.
func refuses(parameters string) bool {
	for p := range strings.SplitSeq(parameters, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(p), "=")
		if weight, err := strconv.ParseFloat(value, 64); strings.EqualFold(name, "q") && err == nil && weight == 0 {
			return true
		}
	}
	return false
}

// jsonBody is the usual format.
type jsonBody struct{}

func (jsonBody) setHeader(header http.Header) {
	setStateHeader(header)
	header.Add("Vary", "Accept")
}

func (jsonBody) tag(of string) string { return of }

func (jsonBody) begin(dst []byte, _ string, head []byte) []byte {
	return append(append(dst, head[:len(head)-1]...), `,"events":[`...)
}

func (jsonBody) event(dst []byte, first bool, write func(dst []byte) []byte) []byte {
	if !first {
		dst = append(dst, ',')
	}
	return write(dst)
}

func (jsonBody) holds(payload []byte) bool { return json.Valid(payload) }

func (jsonBody) end(dst []byte, _ string) []byte { return append(dst, "]}\n"...) }

// xmlBody is for callers that need XML. It is made of the same JSON.
type xmlBody struct{ scratch []byte }

func (*xmlBody) setHeader(header http.Header) {
	jsonBody{}.setHeader(header)
	header.Set("Content-Type", "application/xml; charset=utf-8")
}

func (*xmlBody) tag(of string) string { return strings.TrimSuffix(of, `"`) + `-xml"` }

func (*xmlBody) begin(dst []byte, name string, head []byte) []byte {
	dst = append(dst, `<?xml version="1.0" encoding="UTF-8"?>`+"\n<"...)
	dst = append(append(append(dst, name...), ' '), jsonxml.Namespaces+">"...)
	return append(jsonxml.AppendMembers(dst, head), "<events>"...)
}

func (x *xmlBody) event(dst []byte, _ bool, write func(dst []byte) []byte) []byte {
	x.scratch = write(x.scratch[:0])
	return jsonxml.AppendElement(dst, "item", x.scratch)
}

func (*xmlBody) holds(payload []byte) bool { return json.Valid(payload) && jsonxml.Fits(payload) }

func (*xmlBody) end(dst []byte, name string) []byte {
	return append(append(append(dst, "</events></"...), name...), ">\n"...)
}

const xmlType = "application/xml"

// xmlContent describes an answer that xmlBody writes.
var xmlContent = openapi.Media{
	Schema: &openapi.Schema{Description: "The same as XML: an element for a key, `<entry key=\"…\">` where that is no XML name, `<item>` for what is in an array, and `xsi:nil` for null. " +
		"Characters that XML can't hold are `\\uXXXX`, in an element with `escaped=\"true\"`."},
	Example: `<?xml version="1.0" encoding="UTF-8"?>` + "\n" +
		`<state xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><cursor>orders@kZ3fQ1:1042.998.17</cursor><streams><item>orders</item></streams><since>2026-01-01T12:00:00Z</since><complete>true</complete>` +
		`<events><item><stream>orders</stream><subject>o-77</subject><time>2026-01-02T11:58:03.120Z</time><event>order.confirmed</event><data><orderId>o-77</orderId><status>confirmed</status></data></item></events></state>` + "\n",
}

var formatParameter = describe.Query("format", "How the answer is written. Without it: XML if `Accept` names `application/xml` and neither JSON nor `text/html`, else JSON. Problems are always JSON.",
	openapi.Enum("", "json", "xml", ""))
