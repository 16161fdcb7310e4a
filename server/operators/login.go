package operators

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"

	"sluice/server/auth"
	"sluice/server/response"
)

// Auth is who may use the admin routes. The zero Auth lets everyone who reaches
// them: then the address must be one that only operators reach. /livez and /readyz are
// open in any case: probes have no secret, and these tell no more than which topics there
// are and how far each has been read.
type Auth struct {
	Token   string // as a bearer token, or as the password of basic authentication, of whatever name
	APIKeys bool   // Config.APIKeys are taken too
}

// Open reports whether everybody who reaches the admin routes may use them.
func (a Auth) Open() bool { return a.Token == "" && !a.APIKeys }

// Only lets none but operators through.
func (o *Operators) Only(next http.Handler) http.Handler {
	if o.Auth.Open() {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if o.isOperator(r) {
			next.ServeHTTP(w, r)
			return
		}
		o.notOperator(r)
		p := response.NewProblem(http.StatusUnauthorized, "operator", "Only for operators", "The admin token is missing or wrong.")
		p.Challenge = `Basic realm="sluice admin", charset="UTF-8"`
		p.Write(w)
	})
}

func (o *Operators) isOperator(r *http.Request) bool {
	if token := o.Auth.Token; token != "" {
		shown, isBasic := "", false
		if _, shown, isBasic = r.BasicAuth(); !isBasic {
			scheme, rest, _ := strings.Cut(r.Header.Get("Authorization"), " ")
			if strings.EqualFold(scheme, "Bearer") {
				shown = strings.TrimLeft(rest, " ")
			}
		}
		if equal(shown, token) {
			return true
		}
	}
	if !o.Auth.APIKeys {
		return false
	}
	_, err := o.Keys.Check(r, auth.ActionAdmin)
	return err == nil
}

// equal takes as long whatever is shown.
func equal(shown, secret string) bool {
	a, b := sha256.Sum256([]byte(shown)), sha256.Sum256([]byte(secret))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}
