package pages_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/guildhall-id/guildhall/internal/platform/database"
)

// Where a new deployment looks for pages of the application, people are told
// that there is none, and scripts get the envelope.
func TestPagesOfTheApplication(t *testing.T) {
	s := newSite(t, database.SQLite)
	visitor := s.browser()
	var settings struct {
		Data struct {
			UI map[string]any `json:"ui_settings"`
		}
	}
	if err := json.Unmarshal([]byte(visitor.send(t, "GET", "/deployment", "").body), &settings); err != nil {
		t.Fatal(err)
	}
	pages := 0
	for name, value := range settings.Data.UI {
		address, _ := value.(string)
		u, err := url.Parse(address)
		if err != nil || !strings.HasPrefix(address, s.URL+"/") {
			continue
		}
		pages++
		page := visitor.send(t, "GET", u.Path, "", "Accept", "text/html,application/xhtml+xml")
		page.has(t, http.StatusNotFound, "There is no page here", "the setting ui_settings.")
		if name == "sign_up_page_url" {
			page.has(t, http.StatusNotFound, name)
		}
		var envelope struct{ Status int }
		if plain := visitor.send(t, "GET", u.Path, ""); json.Unmarshal([]byte(plain.body), &envelope) != nil || envelope.Status != http.StatusNotFound {
			t.Errorf("%s answers scripts with %s", u.Path, plain.body)
		}
	}
	if pages < 7 {
		t.Errorf("only %d settings name pages of the server", pages)
	}
}
