package demo

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// A user who follows the page's link sees all three users' orders come in, and how the
// gateway does.
func TestTheDemoOpensOntoTheConsole(t *testing.T) {
	b := browser(t)
	demo := start(t, "--rate", "20")
	b.do(t, chromedp.Navigate(demo.url))
	b.do(t, chromedp.Navigate(eval[string](t, b, `document.querySelector("header a").href`))) // a click returns while the old page is still there
	until(t, b, `[...document.querySelectorAll(".trial")].filter(e => e.querySelectorAll(".event:not(.ours)").length > 2).length === 3`)
	until(t, b, `Number(document.querySelector("#figure-connections").textContent) >= 3 && document.querySelector("#figure-written").textContent > "0"`)
	for _, user := range users {
		others := eval[int](t, b, `[...document.querySelectorAll('.trial[data-user="`+user+`"] code')].filter(e => /"customer":"(?!`+user+`")/.test(e.textContent)).length`)
		if others > 0 {
			t.Errorf("%s is shown %d orders of others", user, others)
		}
	}
	if at := eval[string](t, b, `location.href`); !strings.HasSuffix(at, "/console/#try?user=alice&user=bob&user=carol") {
		t.Errorf("it leads to %s", at)
	}
}
