package deployment

import (
	"encoding/json"
	"net/url"

	"github.com/go-jose/go-jose/v4"
)

// publicJWK copies the public members only, so that a private one cannot slip
// through.
func publicJWK(key jose.JSONWebKey) (JWK, error) {
	text, err := key.Public().MarshalJSON()
	if err != nil {
		return JWK{}, err
	}
	var jwk JWK
	err = json.Unmarshal(text, &jwk)
	return jwk, err
}

// host is the host and port of an origin.
func host(origin string) string {
	u, err := url.Parse(origin)
	if err != nil {
		return ""
	}
	return u.Host
}
