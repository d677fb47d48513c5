package pages_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// startChromium is a real browser, to open windows in.
func startChromium(t *testing.T) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		if testing.Short() {
			t.Skip("Chromium is not installed.")
		}
		t.Fatal("This test needs Chromium: install it (on Debian, apt-get install chromium), or leave this test out with go test -short.")
	}
	chromium, stop := chromedp.NewExecAllocator(context.Background(), chromedp.ExecPath(path),
		chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true),
		// So that what happens in the frame of a message is told to its window.
		chromedp.Flag("disable-features", "IsolateSandboxedIframes"),
	)
	t.Cleanup(stop)
	chromium, closeAll := chromedp.NewContext(chromium)
	t.Cleanup(closeAll)
	if err := chromedp.Do(chromium); err != nil {
		t.Fatal(err)
	}
	return chromium
}

// window is one of a real browser, with cookies of its own. It watches its
// pages: whatever their policy forbids, whatever they complain about and
// whatever they ask of another origin is a complaint.
type window struct {
	context.Context
	origin string

	mu         sync.Mutex
	complaints []string
}

// openWindow is a window in which the person of b is signed in.
func openWindow(t *testing.T, chromium context.Context, b *browser) *window {
	t.Helper()
	w := &window{origin: b.url}
	tab, done := chromedp.NewContext(chromium, chromedp.WithNewBrowserContext(), chromedp.WithListener(w.watch))
	t.Cleanup(done)
	if err := chromedp.Do(tab, command(audits.Enable, cdp.Empty{})); err != nil {
		t.Fatal(err)
	}
	var stop context.CancelFunc
	w.Context, stop = context.WithTimeout(tab, 20*time.Second)
	t.Cleanup(stop)
	u, err := url.Parse(b.url)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range b.Jar.Cookies(u) {
		w.do(t, command(network.SetCookie, network.SetCookieParams{Name: c.Name, Value: c.Value, URL: b.url, HTTPOnly: new(true)}))
	}
	return w
}

func command[P, R any](c cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, c, params)
		return err
	})
}

func (w *window) watch(event any) {
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		if !strings.HasPrefix(e.Request.URL, w.origin+"/") {
			w.complain("request", e.Request.URL)
		}
	case *audits.EventIssueAdded:
		details, _ := json.Marshal(e.Issue.Details)
		w.complain("issue", e.Issue.Code, string(details))
	case *log.EventEntryAdded:
		w.complain("log", e.Entry.Text, e.Entry.URL)
	case *runtime.EventConsoleAPICalled:
		w.complain("console", e.Type)
	case *runtime.EventExceptionThrown:
		w.complain("exception", e.ExceptionDetails.Text)
	}
}

func (w *window) complain(about ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.complaints = append(w.complaints, fmt.Sprintln(about...))
}

// complained is what was wrong since it was last asked for.
func (w *window) complained() (all []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	all, w.complaints = w.complaints, nil
	return all
}

func (w *window) do(t *testing.T, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(w, steps...); err != nil {
		t.Fatal(err)
	}
}

func (w *window) open(t *testing.T, link string) {
	t.Helper()
	w.do(t, chromedp.Navigate(link))
}

// leave waits for the page that the step leads to.
func (w *window) leave(t *testing.T, step chromedp.Action[chromedp.Void]) {
	t.Helper()
	if _, err := chromedp.RunResponse(w, step); err != nil {
		t.Fatalf("the next page did not come: %v", err)
	}
}

// evaluate is the value of an expression about the page, which the page itself
// has no part in.
func evaluate[T any](t *testing.T, w *window, expression string) T {
	t.Helper()
	v, err := chromedp.Run(w, chromedp.Evaluate[T](expression))
	if err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// tab goes to the next element by the keyboard and is its text, provided that
// one can see that one is there.
func (w *window) tab(t *testing.T) string {
	t.Helper()
	w.do(t, chromedp.KeyEvent(kb.Tab))
	if evaluate[string](t, w, "getComputedStyle(document.activeElement).outlineStyle") != "solid" {
		t.Error("where the keyboard is cannot be seen")
	}
	return evaluate[string](t, w, "document.activeElement.innerText")
}

// framed is the text in the frame of the page.
func (w *window) framed(t *testing.T) string {
	t.Helper()
	frames, err := chromedp.Run(w, chromedp.Nodes(chromedp.CSS("iframe")))
	if err != nil {
		t.Fatal(err)
	}
	text, err := chromedp.Run(w, chromedp.Text(chromedp.CSS("body"), chromedp.FromNode(frames[0])))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// narrow is the width of a small telephone.
const narrow = 360

// look is how a page looks: how wide it is and how bright its parts are.
type look struct{ Width, Ground, Text int }

const seeLook = `(() => {
	const bright = color => color.match(/\d+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0);
	const body = getComputedStyle(document.body);
	return {Width: document.documentElement.scrollWidth, Ground: bright(body.backgroundColor), Text: bright(body.color)};
})()`

// shows fails unless all of the texts can be read, the page is dark where
// people want it dark and light where they want it light, it is no wider than a
// telephone, and nothing was wrong on the way here.
func (w *window) shows(t *testing.T, texts ...string) {
	t.Helper()
	page := evaluate[string](t, w, "document.body.innerText")
	for _, text := range texts {
		if !strings.Contains(page, text) {
			t.Errorf("the page lacks %q:\n%s", text, page)
		}
	}
	for _, scheme := range []string{"light", "dark"} {
		w.do(t, chromedp.EmulateViewport(narrow, 740), command(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		}))
		seen := evaluate[look](t, w, seeLook)
		if seen.Width > narrow || (seen.Ground < seen.Text) != (scheme == "dark") {
			t.Errorf("where people want it %s, it is %+v:\n%s", scheme, seen, page)
		}
	}
	if wrong := w.complained(); len(wrong) > 0 {
		t.Errorf("%s\n%s", slices.Compact(wrong), page)
	}
}
