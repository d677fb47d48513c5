package deployment

import (
	"maps"
	"net/url"
)

// PageURL is the page of the application that a setting names, with parameters
// in its query in place of those of the same name; the server's own at path when
// it names none. Only configuration decides, never a request.
func (d *Deployment) PageURL(named, path string, parameters url.Values) string {
	page, err := url.Parse(named)
	if err != nil || page.Host == "" || page.Scheme != "https" && page.Scheme != "http" {
		return d.PublicURL + path + "?" + parameters.Encode()
	}
	query := page.Query()
	maps.Copy(query, parameters)
	page.RawQuery = query.Encode()
	return page.String()
}
