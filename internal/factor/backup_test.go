package factor

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestBackupCodes(t *testing.T) {
	each(t, func(t *testing.T, o *desk) {
		ana := o.somebody("ana")
		_, err := o.createBackupCodes(as(ana), struct{}{})
		refuses(t, "codes without a factor", err, ErrNoFactor)
		o.begin(ana)
		_, err = o.replaceBackupCodes(as(ana), struct{}{})
		refuses(t, "codes with a factor that is not verified", err, ErrNoFactor)
		o.enrol(ana)
		before := o.mails("ana")
		made, err := o.createBackupCodes(as(ana), struct{}{})
		must(t, err)
		if len(made) != 10 || len(slices.Compact(slices.Sorted(slices.Values(made)))) != 10 {
			t.Errorf("the codes are %q", made)
		}
		for _, code := range made {
			if !regexp.MustCompile(`^[a-z2-7]{5}-[a-z2-7]{5}$`).MatchString(code) {
				t.Errorf("the code %q", code)
			}
		}
		if !o.me(ana.User).BackupCodesGenerated || o.mails("ana") != before+1 || o.events(ana.User, "user.backup_codes.created") != 1 {
			t.Error("they are not shown, announced or recorded")
		}
		_, err = o.createBackupCodes(as(ana), struct{}{})
		refuses(t, "once more", err, ErrCodesExist)
		typed := []string{made[0], strings.ToUpper(made[1]), strings.ReplaceAll(made[2], "-", ""), " " + strings.ReplaceAll(made[3], "-", " - ") + " "}
		for _, code := range append(typed, made[4:]...) {
			o.has(ana.User, ByAuthenticator, ByBackupCode)
			o.accepts(ana.User, code, ByBackupCode)
		}
		o.has(ana.User, ByAuthenticator) // all are used
		for _, code := range made {
			_, err := o.check(ana.User, code)
			refuses(t, "a used code", err, ErrWrongCode)
		}
		if n := o.events(ana.User, "user.backup_codes.used"); n != 10 {
			t.Errorf("%d uses are recorded", n)
		}
	})
}

// S18: a code works once, for its person, until new ones are made.
func TestBackupCodesCrossed(t *testing.T) {
	each(t, func(t *testing.T, o *desk) {
		ana, ben := o.somebody("ana"), o.somebody("ben")
		o.enrol(ana)
		o.enrol(ben)
		old, err := o.createBackupCodes(as(ana), struct{}{})
		must(t, err)
		_, err = o.createBackupCodes(as(ben), struct{}{})
		must(t, err)
		_, err = o.check(ben.User, old[0])
		refuses(t, "another person's code", err, ErrWrongCode)
		o.accepts(ana.User, old[0], ByBackupCode)
		_, err = o.check(ana.User, old[0])
		refuses(t, "a used one", err, ErrWrongCode)

		next, err := o.replaceBackupCodes(as(ana), struct{}{})
		must(t, err)
		for _, code := range old {
			_, err := o.check(ana.User, code)
			refuses(t, "an old one", err, ErrWrongCode)
		}
		for _, code := range next {
			o.accepts(ana.User, code, ByBackupCode)
		}
		for _, code := range []string{"", "-", "aaaaa-aaaaa", next[0] + "a", next[0][:10], strings.Repeat("a", 10_000), "ааааа-ааааа"} {
			_, err := o.check(ana.User, code)
			refuses(t, "no code", err, ErrWrongCode)
		}
	})
}

// S18: of sixteen who use one backup code at once, one gets in; of sixteen who
// use different ones, all whose codes there are.
func TestSimultaneousBackupCodes(t *testing.T) {
	each(t, func(t *testing.T, o *desk) {
		ana := o.somebody("ana")
		o.enrol(ana)
		made, err := o.createBackupCodes(as(ana), struct{}{})
		must(t, err)
		if wins := race(t, 16, ErrWrongCode, func(int) error { _, err := o.check(ana.User, made[0]); return err }); wins != 1 {
			t.Errorf("%d got in with one code", wins)
		}
		if wins := race(t, 9, nil, func(i int) error { _, err := o.check(ana.User, made[1+i]); return err }); wins != 9 {
			t.Errorf("%d got in with nine codes", wins)
		}
		o.has(ana.User, ByAuthenticator)
	})
}

// Sixteen who ask at once for the first codes get one set between them.
func TestSimultaneousFirstCodes(t *testing.T) {
	each(t, func(t *testing.T, o *desk) {
		ana := o.somebody("ana")
		o.enrol(ana)
		if wins := race(t, 16, ErrCodesExist, func(int) error { _, err := o.createBackupCodes(as(ana), struct{}{}); return err }); wins != 1 {
			t.Errorf("%d sets were made", wins)
		}
	})
}
