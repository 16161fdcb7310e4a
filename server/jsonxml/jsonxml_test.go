package jsonxml

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

func TestMapping(t *testing.T) {
	for _, c := range []struct{ json, want string }{
		{`"hello"`, `<v>hello</v>`},
		{`1.50`, `<v>1.50</v>`},
		{`-1E+400`, `<v>-1E+400</v>`},
		{`9007199254740993`, `<v>9007199254740993</v>`},
		{`true`, `<v>true</v>`},
		{`null`, `<v xsi:nil="true"></v>`},
		{`""`, `<v></v>`},
		{` { "orderId" : "o-77" , "total": 1.50 } `, `<v><orderId>o-77</orderId><total>1.50</total></v>`},
		{`{"a":[1,null,{}],"b":{}}`, `<v><a><item>1</item><item xsi:nil="true"></item><item></item></a><b></b></v>`},
		{`[[1,2],[]]`, `<v><item><item>1</item><item>2</item></item><item></item></v>`},
		{`{"a":1,"a":2}`, `<v><a>1</a><a>2</a></v>`},
		{`{"größe":1,"ключ":2,"名前":3,"\u0061b":4}`, `<v><größe>1</größe><ключ>2</ключ><名前>3</名前><ab>4</ab></v>`},
		{`{"":1,"a b":2,"1a":3,"-":4,"a:b":5,"xmlData":6,"a\"\t<":7,"Ⅷ":8}`,
			`<v><entry key="">1</entry><entry key="a b">2</entry><entry key="1a">3</entry><entry key="-">4</entry>` +
				`<entry key="a:b">5</entry><entry key="xmlData">6</entry><entry key="a&quot;&#9;&lt;">7</entry><entry key="Ⅷ">8</entry></v>`},
		{`"<a href=\"x\">&amp;</a>]]>"`, `<v>&lt;a href="x"&gt;&amp;amp;&lt;/a&gt;]]&gt;</v>`},
		{`"a\tb\nc\rd\/\u0041\ud83d\ude00"`, "<v>a\tb\nc&#13;d/A😀</v>"},
		{`"a\\u0000"`, `<v>a\u0000</v>`},
		{`"\u0000\\\ud800x\uFFFE\b"`, `<v escaped="true">\u0000\u005c\ud800x\ufffe\u0008</v>`},
		{`{"\u0001":"\\"}`, `<v><entry key="\u0001" escaped="true">\u005c</entry></v>`},
		{`{"a\\b c":"\u0001"}`, `<v><entry key="a\u005cb c" escaped="true">\u0001</entry></v>`},
		{`{"\u0001":{"a":"\\"}}`, `<v><entry key="\u0001" escaped="true"><a>\</a></entry></v>`},
		{`{"\u0001":null}`, `<v><entry key="\u0001" escaped="true" xsi:nil="true"></entry></v>`},
	} {
		if got := string(AppendElement(nil, "v", []byte(c.json))); got != c.want {
			t.Errorf("%s is\n%s; want\n%s", c.json, got, c.want)
		}
	}
}

func TestMembers(t *testing.T) {
	if got := string(AppendMembers(nil, []byte(` {"cursor":"a@b:1", "streams":["a"]}`))); got != `<cursor>a@b:1</cursor><streams><item>a</item></streams>` {
		t.Error(got)
	}
}

func TestFits(t *testing.T) {
	nested := func(n int) string { return strings.Repeat(`{"a":[`, n/2) + `"]}\"]"` + strings.Repeat("]}", n/2) }
	for value, want := range map[string]bool{nested(MaxDepth): true, nested(MaxDepth + 2): false, strings.Repeat("[", MaxDepth+1) + strings.Repeat("]", MaxDepth+1): false, `"[[[["`: true} {
		if Fits([]byte(value)) != want {
			t.Errorf("%.20s… of %d bytes: want %v", value, len(value), want)
		}
	}
}

// FuzzAppendElement finds panics, what is more than Growth says, and what encoding/xml
// does not read.
func FuzzAppendElement(f *testing.F) {
	for _, seed := range []string{`[1,1,1,1]`, `["\b","\b"]`, `{"\b":1,"\b":2}`, `{"&":"&&"}`, `[[],[]]`, `[null,null]`, `{"":"\r\r"}`, "\"\xff\"", `{"é":[1]}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		if !json.Valid(value) || !Fits(value) {
			return
		}
		got := AppendElement(nil, "v", value)
		if overhead := len(`<v escaped="true" xsi:nil="true"></v>`); len(got) > Growth*len(value)+overhead {
			t.Errorf("%q: %d bytes become %d", value, len(value), len(got))
		}
		if _, err := readXML(bytes.NewReader(got)); err != nil {
			t.Errorf("%q becomes %q: %v", value, got, err)
		}
	})
}
