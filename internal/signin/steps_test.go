package signin

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/guildhall-id/guildhall/internal/access"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/session"
)

// S13: whatever is known of a person, a sign-in without remaining steps has
// proven what is asked for, or may only set it up.
func TestNext(t *testing.T) {
	lists := [][]string{nil, {byAuthenticator}, {strategyPhone, byBackupCode}, {strategyCode}}
	for bits := range 1 << 4 {
		for _, methods := range lists {
			for _, missing := range [][]string{nil, {"username"}} {
				st := standing{
					asked: bits&1 != 0 || bits&2 != 0, enforced: bits&2 != 0, offered: bits&4 != 0, proven: bits&8 != 0,
					methods: methods, missing: missing,
				}
				steps, enrol := st.next()
				asks := slices.ContainsFunc(steps, func(step string) bool { return step == stepSecond || step == stepEmailCode })
				switch {
				case asks != (st.asked && !st.proven && len(methods) > 0):
					t.Errorf("%+v: the second factor is asked for: %v", st, asks)
				case slices.Contains(steps, stepProfile) != (len(missing) > 0):
					t.Errorf("%+v: the profile is asked for: %v", st, steps)
				case enrol != (st.enforced && st.offered && !st.proven && len(methods) == 0):
					t.Errorf("%+v: held back: %v", st, enrol)
				case asks && len(missing) > 0 && steps[0] == stepProfile:
					t.Errorf("%+v: the profile comes before the second factor", st)
				}
			}
		}
	}
}

// enrolment is what a person has set up.
type enrolment struct{ authenticator, phone, spare bool }

func (e enrolment) String() string {
	return fmt.Sprintf("authenticator %v, phone %v, backup codes %v", e.authenticator, e.phone, e.spare)
}

// methods are the second factors that are to be offered to somebody who began
// in some way.
func (e enrolment) methods(first string) (list []string) {
	if e.authenticator {
		list = append(list, byAuthenticator)
	}
	if e.phone && first != strategyPhone {
		list = append(list, strategyPhone)
	}
	if e.spare && len(list) > 0 {
		list = append(list, byBackupCode)
	}
	if len(list) == 0 && e.phone {
		list = []string{strategyCode}
	}
	return list
}

// S13: the machine, enumerated: every way to begin × every policy of the
// deployment and of the person × everything that can be set up.
func TestEveryWayIn(t *testing.T) {
	each(t, func(o *door) {
		o.everything()
		people := map[enrolment]*resident{}
		for i, e := range []enrolment{
			{}, {authenticator: true}, {authenticator: true, spare: true}, {phone: true}, {phone: true, spare: true}, {authenticator: true, phone: true},
		} {
			r := o.settle(fmt.Sprintf("person%d", i))
			people[e] = r
			c := o.signedIn(r)
			if e.phone {
				o.withPhone(r, fmt.Sprintf("+4179123450%d", i))
			}
			if e.authenticator {
				o.withAuthenticator(c, r)
			}
			if e.spare {
				o.withBackupCodes(c, r)
			}
		}
		for _, policy := range []string{policyNone, "optional", policyEnforced} {
			o.change(func(s *deployment.Settings) { s.Auth.SecondFactorPolicy = policy })
			for _, own := range []string{policyNone, "optional", policyEnforced} {
				o.exec("UPDATE users SET second_factor_policy = $1", own)
				for e, r := range people {
					for _, first := range []string{strategyPassword, strategyUsername, strategyCode, strategyLink, strategyPhone} {
						if first == strategyPhone && !e.phone {
							continue
						}
						o.checkWay(fmt.Sprintf("%s, %s, %s, %s", policy, own, e, first), r, first,
							policy != policyNone || own != policyNone, policy == policyEnforced || own == policyEnforced, e.methods(first))
					}
				}
			}
		}
	})
}

// checkWay signs somebody in and compares every state on the way with what is
// asked of them.
func (o *door) checkWay(name string, r *resident, first string, asked, enforced bool, methods []string) {
	o.t.Helper()
	c := o.browser()
	view := o.begin(c, r, first)
	a := last(view)
	if asked && len(methods) > 0 {
		step, shown := stepSecond, methods
		if methods[0] == strategyCode {
			step, shown = stepEmailCode, []string{}
		}
		if a.Completed || c.User != 0 || view.ActiveSignIn != nil || a.CurrentStep != step || !slices.Equal(a.Available2FAMethods, shown) || !a.FirstMethodAuthenticated || !a.SecondMethodAuthenticationRequired {
			o.t.Errorf("%s: after the first factor %+v, user %v", name, a, c.User)
			return
		}
		if _, err := o.enterCode(c, 0, "not a code"); err == nil || c.User != 0 {
			o.t.Errorf("%s: a wrong second factor: %v, user %v", name, err, c.User)
		}
		view = o.proveAgain(c, r, methods[0])
		a = last(view)
		if second, restricted := o.noted(c); second != methods[0] || restricted != "" || !a.SecondMethodAuthenticated {
			o.t.Errorf("%s: on record is %q, %q, shown %+v", name, second, restricted, a)
		}
	}
	held := enforced && len(methods) == 0
	if !a.Completed || a.CurrentStep != "" || c.User != r.id || view.ActiveSignIn == nil || c.Enrolling != held {
		o.t.Errorf("%s: in the end %+v, held back %v", name, a, c.Enrolling)
	}
	if _, restricted := o.noted(c); (restricted == "enrolment") != held {
		o.t.Errorf("%s: restricted to %q", name, restricted)
	}
}

// proveAgain enters the right code of a second factor.
func (o *door) proveAgain(caller *access.Caller, r *resident, method string) session.View {
	o.t.Helper()
	var code string
	switch method {
	case byAuthenticator:
		o.clock.Add(60_000) // each step works once
		code = o.totp(r)
	case strategyPhone:
		prepared, err := o.prepare(caller, strategyPhone, r.phone[len(r.phone)-4:])
		must(o.t, err)
		if !strings.HasSuffix(prepared.MaskedPhone, r.phone[len(r.phone)-4:]) {
			o.t.Errorf("the number is shown as %q", prepared.MaskedPhone)
		}
		code = o.mailed(r.phone).Code
	case strategyCode:
		_, err := o.prepare(caller, strategyCode, "")
		must(o.t, err)
		code = o.mailed(r.email).Code
	}
	view, err := o.enterCode(caller, 0, code)
	if err != nil {
		o.t.Fatalf("%s: %v", method, err)
	}
	return view
}
