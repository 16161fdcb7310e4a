package e2e

import (
	"bytes"
	"fmt"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// The picture in README is the console as it is. SLUICE_TEST_PICTURE=1 takes it anew.
func TestThePictureOfTheConsole(t *testing.T) {
	need(t, "chromium", "chromium")
	const width, height = 1280, 800
	file := filepath.Join("..", "..", "..", "docs", "console.png")
	n := onFirstDay(t)
	n.demo()
	n.follow(`curl -N 'http://localhost:8080/events?user=alice'`)("event: order.")
	c := openConsole(startChromium(t), t, "http://"+os.Getenv("SLUICE_ADMIN")+"/console/")
	if _, err := chromedp.Call(c.tab, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: height, DeviceScaleFactor: 1}); err != nil {
		t.Fatal(err)
	}
	c.until(`document.body.innerText.includes("orders")`)
	if os.Getenv("SLUICE_TEST_PICTURE") == "1" {
		c.until(`performance.now() > 25000`) // so that the graphs have something to show
	}
	picture, err := chromedp.Run(c.tab, chromedp.CaptureScreenshot())
	if err != nil {
		t.Fatal(err)
	}
	if os.Getenv("SLUICE_TEST_PICTURE") == "1" {
		if err := os.WriteFile(file, picture, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := pngSize(kept), fmt.Sprintf("%dx%d", width, height); got != want || pngSize(picture) != want {
		t.Errorf("the picture is %s, taken now %s; want %s", got, pngSize(picture), want)
	}
}

// pngSize is a picture's width and height.
func pngSize(picture []byte) string {
	c, err := png.DecodeConfig(bytes.NewReader(picture))
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%dx%d", c.Width, c.Height)
}
